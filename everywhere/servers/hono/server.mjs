import { serve } from "@hono/node-server"
import { createHub } from "everwire/node"
import { Hono } from "hono"

export const hub = createHub()
hub.on("chat", (data) => hub.send("chat", data))

const app = new Hono()
app.get("/", (c) => c.text("the application"))

const server = serve({ fetch: app.fetch, port: Number(process.env.PORT ?? 8080) })
hub.attach(server)

/** Ends the server, after `hub.close()`. */
export const close = () => new Promise((resolve) => server.close(resolve))
process.once("SIGTERM", () => hub.close().then(close))
