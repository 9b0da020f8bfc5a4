// Raw `ws` as its README shows it: one message per frame, with name and payload as JSON.
import { WebSocket, WebSocketServer } from "ws"
import { RawWebSocket } from "../wire/websocket.mjs"

export const transports = ["websocket"]

export function serve({ server, application }) {
  const sockets = new Set()
  const rooms = new Map()
  new WebSocketServer({ server, perMessageDeflate: false, clientTracking: false }).on("connection", (socket) => {
    sockets.add(socket)
    socket.on("message", (frame, isBinary) => {
      if (isBinary) return application.heard(socket, "echo", frame)
      const [name, data] = JSON.parse(frame)
      application.heard(socket, name, data)
    })
    socket.on("error", () => {})
    socket.on("close", () => {
      sockets.delete(socket)
      application.left(socket)
    })
    application.connected(socket)
  })
  const sendAll = (members, name, data) => {
    const text = encode(name, data)
    for (const socket of members) socket.send(text)
  }
  return {
    send: (socket, name, data) => socket.send(encode(name, data)),
    broadcast: (name, data) => sendAll(sockets, name, data),
    join: (socket, room) => rooms.set(room, (rooms.get(room) ?? new Set()).add(socket)),
    toRoom: (room, name, data) => sendAll(rooms.get(room), name, data),
  }
}

export async function connect({ port, heard }) {
  const socket = new WebSocket(`ws://127.0.0.1:${port}`, { perMessageDeflate: false })
  socket.on("message", (frame, isBinary) => heard(isBinary ? frame : JSON.parse(frame)[1]))
  await new Promise((resolve, reject) => socket.on("open", resolve).on("error", reject))
  return { send: (name, data) => socket.send(encode(name, data)), close: () => socket.close() }
}

export async function openWire({ port, hear }) {
  const socket = await RawWebSocket.open(port, "/")
  socket.onFrame = hear
  return {
    say: (name, payloads) => socket.send(...payloads.map((data) => encode(name, data))),
    sockets: [socket.socket],
    close: () => socket.close(),
  }
}

function encode(name, data) {
  return data instanceof Uint8Array ? data : JSON.stringify([name, data])
}
