import { Server } from "socket.io"
import { io } from "socket.io-client"
import { RawHttp } from "../wire/http.mjs"
import { RawWebSocket } from "../wire/websocket.mjs"
import { BEAT_MS } from "./settings.mjs"

export const transports = ["websocket", "long-poll"]

/** Socket.IO's names of the transports. */
const NAMES = { websocket: "websocket", "long-poll": "polling" }

export function serve({ server, application, transport, more }) {
  const hub = new Server(server, {
    transports: [NAMES[transport]],
    serveClient: false,
    pingInterval: BEAT_MS,
    pingTimeout: BEAT_MS,
    maxHttpBufferSize: 4 << 20,
    ...more,
  })
  hub.on("connection", (socket) => {
    socket.on("echo", (data) => application.heard(socket, "echo", data))
    socket.on("up", (data) => application.heard(socket, "up", data))
    socket.on("disconnect", () => application.left(socket))
    application.connected(socket)
  })
  return {
    send: (socket, name, data) => socket.emit(name, data),
    broadcast: (name, data) => hub.emit(name, data),
    join: (socket, room) => socket.join(room),
    toRoom: (room, name, data) => hub.to(room).emit(name, data),
  }
}

export async function connect({ port, transport, heard }) {
  const socket = io(`http://127.0.0.1:${port}`, { transports: [NAMES[transport]], forceNew: true })
  socket.on("echo", heard)
  socket.on("down", heard)
  await new Promise((resolve, reject) => socket.on("connect", resolve).on("connect_error", reject))
  return { send: (name, data) => socket.emit(name, data), close: () => socket.disconnect() }
}

export function openWire(options) {
  return options.transport === "websocket" ? openSocket(options) : openPolls(options)
}

async function openSocket({ port, hear }) {
  const socket = await RawWebSocket.open(port, "/socket.io/?EIO=4&transport=websocket")
  await new Promise((resolve) => {
    socket.onFrame = (packet) => {
      if (packet[0] === OPEN) socket.send("40")
      else if (packet[0] === PING) socket.send("3")
      else {
        hear(packet)
        resolve()
      }
    }
  })
  return {
    say: (name, payloads) => socket.send(...payloads.map((data) => encode(name, data))),
    sockets: [socket.socket],
    close: () => socket.close(),
  }
}

async function openPolls({ port, hear }) {
  const up = new RawHttp(port)
  const down = new RawHttp(port)
  const path = "/socket.io/?EIO=4&transport=polling"
  const { sid } = JSON.parse((await down.request("GET", path)).toString().slice(1))
  const own = `${path}&sid=${sid}`
  await up.request("POST", own, "40")
  hear(await down.request("GET", own))
  const poll = async () => {
    while (!down.socket.destroyed) {
      const packets = await down.request("GET", own)
      // A ping is a normal packet: messages may come in the same payload.
      if (packets[0] === PING) void up.request("POST", own, "3")
      hear(packets)
    }
  }
  poll().catch(() => {})
  return {
    say: (name, payloads) => up.request("POST", own, payloads.map((data) => encode(name, data)).join("\x1e")),
    sockets: [up.socket, down.socket],
    close() {
      up.close()
      down.close()
    },
  }
}

const OPEN = "0".charCodeAt(0)
const PING = "2".charCodeAt(0)

function encode(name, data) {
  return `42${JSON.stringify([name, data])}`
}
