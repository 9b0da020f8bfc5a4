import { createServer } from "node:http"
import { createHub } from "everwire/node"

export const hub = createHub()
hub.on("chat", (data) => hub.send("chat", data))

const server = createServer((_request, response) => response.end("the application"))
hub.attach(server)
server.listen(process.env.PORT ?? 8080)

/** Ends the server, after `hub.close()`. */
export const close = () => new Promise((resolve) => server.close(resolve))
process.once("SIGTERM", () => hub.close().then(close))
