// The server that is killed and restarted: node server.mjs <peer> <port>. It greets each client that connects.
import { createServer } from "node:http"
import { Server } from "socket.io"
import { createHub } from "../../dist/node.js"
import { answer } from "../processes.mjs"

const [peer, port] = process.argv.slice(2)
const server = createServer()
let connections = 0
server.on("connection", () => {
  connections++
})
if (peer === "everwire") {
  const hub = createHub({
    // All channels come from one address here.
    limits: {
      maxSessionsPerAddress: 100_000,
      maxUnwelcomedLinks: 100_000,
      maxUnwelcomedLinksPerAddress: 100_000,
      maxHellosPerSecond: 100_000,
    },
  })
  hub.onPeer((each) => each.send("welcome", 1))
  hub.attach(server)
} else new Server(server, { serveClient: false }).on("connection", (socket) => socket.emit("welcome", 1))

answer({
  listen: () =>
    new Promise((resolve) =>
      server.listen({ port: Number(port), host: "127.0.0.1", backlog: 4_096 }, () => resolve(server.address().port)),
    ),
  connections: () => connections,
  /** CPU of this process so far, in milliseconds. */
  cpuMs: () => process.cpuUsage().user / 1_000 + process.cpuUsage().system / 1_000,
  pid: () => process.pid,
})
