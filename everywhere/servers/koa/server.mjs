import { createHub } from "everwire/node"
import Koa from "koa"

export const hub = createHub()
hub.on("chat", (data) => hub.send("chat", data))

const app = new Koa()
app.use((ctx) => {
  ctx.body = "the application"
})

const server = app.listen(process.env.PORT ?? 8080)
hub.attach(server)

/** Ends the server, after `hub.close()`. */
export const close = () => new Promise((resolve) => server.close(resolve))
process.once("SIGTERM", () => hub.close().then(close))
