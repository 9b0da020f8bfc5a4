import { createServer } from "node:http"
import { createHub } from "everwire/node"
import { H3, toNodeHandler } from "h3"

export const hub = createHub()
hub.on("chat", (data) => hub.send("chat", data))

const app = new H3()
app.get("/", () => "the application")

const server = createServer(toNodeHandler(app))
hub.attach(server)
server.listen(process.env.PORT ?? 8080)

/** Ends the server, after `hub.close()`. */
export const close = () => new Promise((resolve) => server.close(resolve))
process.once("SIGTERM", () => hub.close().then(close))
