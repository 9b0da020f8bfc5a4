// The server of `npm run paused`: node server.mjs <peer>. It answers the honest clients, and sends to the readers.
import { createServer } from "node:http"
import { Server } from "socket.io"
import { createHub } from "../../dist/node.js"
import { answer } from "../processes.mjs"

const [peer] = process.argv.slice(2)
const MESSAGE = "x".repeat(1_024)
/** A sender that says what is due in larger pieces holds everybody else up by itself. */
const PIECE_MS = 2
/** A look at all sessions costs time too, which is not to be measured. */
const LOOK_MS = 100

const server = createServer()
/** What each client that is connected is sent messages by. It returns false when the client is gone. */
const clients = new Map()
let hub
if (peer === "everwire") {
  // All clients come from one address here.
  const limits = { maxSessionsPerAddress: 100_000, maxUnwelcomedLinksPerAddress: 100_000, maxHellosPerSecond: 100_000 }
  hub = createHub({ limits })
  hub.handle("echo", (data) => data)
  hub.onPeer((each) => {
    clients.set(each.id, () => each.send("news", MESSAGE))
    each.onClose(() => void clients.delete(each.id))
  })
  hub.attach(server)
} else {
  new Server(server, { serveClient: false }).on("connection", (socket) => {
    clients.set(socket.id, () => socket.emit("news", MESSAGE))
    socket.on("disconnect", () => void clients.delete(socket.id))
    socket.on("echo", (data, reply) => reply(data))
  })
}

let readers = []
let peakBytes = 0
let keptBytes = 0
setInterval(() => {
  peakBytes = Math.max(peakBytes, process.memoryUsage.rss())
  keptBytes = Math.max(keptBytes, hub?.stats().keptBytes ?? 0)
}, LOOK_MS)

answer({
  listen: () => new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server.address().port))),
  /** The clients that are connected now are the readers. */
  mark() {
    readers = [...clients.keys()]
    return readers.length
  },
  /** Begins to send so many messages to each of the readers, evenly over the time. */
  flood(messages, forMs) {
    const begunAt = performance.now()
    let sent = 0
    const timer = setInterval(() => {
      const due = Math.min(messages, Math.floor(((performance.now() - begunAt) / forMs) * messages))
      for (; sent < due; sent++) for (const id of readers) clients.get(id)?.()
      if (sent === messages) clearInterval(timer)
    }, PIECE_MS)
  },
  /** How many readers are left, the most memory so far, in bytes, and the time of the processor so far, in milliseconds. */
  figures() {
    const { user, system } = process.cpuUsage()
    return {
      left: readers.filter((id) => clients.has(id)).length,
      peakBytes,
      keptBytes,
      cpuMs: (user + system) / 1_000,
    }
  },
})
