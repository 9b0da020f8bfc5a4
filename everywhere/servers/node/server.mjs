import { createServer } from "node:http"
import { createHub } from "everwire/node"

export const hub = createHub()
hub.on("chat", (data) => hub.send("chat", data))

const server = createServer((_request, response) => response.end("the application"))
hub.attach(server)
server.listen(process.env.PORT ?? 8080)

/** Ends the server, after `hub.close()`. */
export function close() {
  // For connections on which nothing was asked yet. Give it the time that your own requests need.
  setTimeout(() => server.closeAllConnections(), 500).unref()
  return new Promise((resolve) => server.close(resolve))
}
process.once("SIGTERM", () => hub.close().then(close))
