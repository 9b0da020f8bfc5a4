// The best that batching by hand over `ws` can reach, without sessions, numbers and acks. The messages of one tick are
// one frame, which is built once for all clients that are sent the same, and written to the socket directly. The
// heartbeat is that of the README of `ws`: a ping to all clients in one sweep, and a client that has not answered by
// the next sweep is cut off.
import { Sender, WebSocket, WebSocketServer } from "ws"
import { RawWebSocket } from "../wire/websocket.mjs"
import { BEAT_MS } from "./settings.mjs"

export const transports = ["websocket"]

const FRAME = { fin: true, opcode: 1, mask: false, readOnly: false, rsv1: false }

export function serve({ server, application }) {
  const clients = new Set()
  /** The last batch and its frame, for reuse. */
  let last = ""
  let frame
  const flush = (client) => {
    const batch = client.said.length === 1 ? client.said[0] : client.said.join("\n")
    client.said = []
    if (batch !== last) frame = Buffer.concat(Sender.frame(Buffer.from(batch), FRAME))
    last = batch
    client.stream.write(frame)
  }
  /** Clients that have messages to send at the end of this tick. */
  const spoken = []
  const say = (client, packet) => {
    if (client.said.push(packet) > 1) return
    if (spoken.push(client) > 1) return
    queueMicrotask(() => {
      for (const client of spoken.splice(0)) flush(client)
    })
  }
  new WebSocketServer({ server, perMessageDeflate: false, clientTracking: false }).on(
    "connection",
    (socket, request) => {
      const client = { socket, stream: request.socket, said: [], isAlive: true }
      clients.add(client)
      socket.on("pong", () => {
        client.isAlive = true
      })
      socket.on("message", (batch) => {
        for (const packet of batch.toString().split("\n")) {
          const end = packet.indexOf("\t")
          application.heard(client, packet.slice(0, end), JSON.parse(packet.slice(end + 1)))
        }
      })
      socket.on("error", () => {})
      socket.on("close", () => {
        clients.delete(client)
        application.left(client)
      })
      application.connected(client)
    },
  )
  setInterval(() => {
    for (const client of clients) {
      if (!client.isAlive) client.socket.terminate()
      client.isAlive = false
      client.socket.ping()
    }
  }, BEAT_MS).unref()
  return {
    send: (client, name, data) => say(client, encode(name, data)),
    broadcast(name, data) {
      const packet = encode(name, data)
      for (const client of clients) say(client, packet)
    },
  }
}

export async function connect({ port, heard }) {
  const socket = new WebSocket(`ws://127.0.0.1:${port}`, { perMessageDeflate: false })
  socket.on("message", (batch) => {
    for (const packet of batch.toString().split("\n")) heard(JSON.parse(packet.slice(packet.indexOf("\t") + 1)))
  })
  await new Promise((resolve, reject) => socket.on("open", resolve).on("error", reject))
  return { send: (name, data) => socket.send(encode(name, data)), close: () => socket.close() }
}

export async function openWire({ port, hear }) {
  const socket = await RawWebSocket.open(port, "/")
  socket.onFrame = hear
  return {
    say: (name, payloads) => socket.send(payloads.map((data) => encode(name, data)).join("\n")),
    sockets: [socket.socket],
    close: () => socket.close(),
  }
}

function encode(name, data) {
  return `${name}\t${JSON.stringify(data)}`
}
