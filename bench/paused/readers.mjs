// Clients that connect, and then read nothing more or everything: node readers.mjs <peer> <transport> <port>
import { connect } from "node:net"
import { io } from "socket.io-client"
import { createChannel } from "../../dist/index.js"
import { ask, deaf, next, repeat } from "../../scripts/siege/ground.mjs"
import { answer } from "../processes.mjs"

const [peer, transport, given] = process.argv.slice(2)
const port = Number(given)
/** Kept, so that the connections stay open. */
const kept = []

const openPaused = {
  everwire: () => deaf(port, transport),
  "socket.io": transport === "websocket" ? openSocket : openPoll,
}[peer]
const openReading = { everwire: openChannel, "socket.io": openClient }[peer]

async function openChannel() {
  const channel = createChannel(`http://127.0.0.1:${port}`, { transports: [transport], store: null })
  channel.on("news", () => {})
  await channel.opened
  return channel
}

function openClient() {
  const socket = io(`http://127.0.0.1:${port}`, { transports: [transport], forceNew: true })
  socket.on("news", () => {})
  return new Promise((resolve) => socket.on("connect", () => resolve(socket)))
}

/** A Socket.IO client over WebSocket whose connection is not read any more. */
function openSocket() {
  return new Promise((resolve) => {
    const socket = io(`http://127.0.0.1:${port}`, { transports: ["websocket"], forceNew: true, reconnection: false })
    socket.on("connect", () => {
      socket.io.engine.transport.ws._socket.pause()
      resolve([socket])
    })
  })
}

/** A client of Engine.IO's polling (protocol version 4) that sends its second poll and does not read the answer. */
async function openPoll() {
  const path = "/socket.io/?EIO=4&transport=polling"
  const get = (more) => `GET ${path}${more} HTTP/1.1\r\nHost: x\r\n\r\n`
  const { socket, answer: opened } = await ask(port, get(""))
  const [, sid] = /"sid":"([\w-]+)"/.exec(opened)
  socket.write(`POST ${path}&sid=${sid} HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\n40`)
  await next(socket)
  socket.write(get(`&sid=${sid}`))
  await next(socket)
  const reader = connect(port, "127.0.0.1")
  reader.on("error", () => {}) // it is cut when the server gives it up
  reader.write(get(`&sid=${sid}`))
  reader.pause()
  return [socket, reader]
}

answer({
  /** Opens this many. Resolves when all have been greeted. */
  pause: (count) => repeat(count, async () => void kept.push(await openPaused()), 20),
  /** The same for clients that read everything. */
  read: (count) => repeat(count, async () => void kept.push(await openReading()), 20),
})
