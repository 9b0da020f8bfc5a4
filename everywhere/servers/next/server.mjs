import { createServer } from "node:http"
import { createHub } from "everwire/node"
import next from "next"

export const hub = createHub()
hub.on("chat", (data) => hub.send("chat", data))

const app = next({ dev: process.env.NODE_ENV !== "production" })
await app.prepare()

const server = createServer(app.getRequestHandler())
hub.attach(server)
server.listen(process.env.PORT ?? 8080)

/** Ends the server, after `hub.close()`. */
export async function close() {
  await new Promise((resolve) => server.close(resolve))
  await app.close()
}
process.once("SIGTERM", () => hub.close().then(close))
