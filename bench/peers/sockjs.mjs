import { randomUUID } from "node:crypto"
import sockjs from "sockjs"
import SockJS from "sockjs-client"
import { RawHttp } from "../wire/http.mjs"
import { RawWebSocket } from "../wire/websocket.mjs"
import { BEAT_MS } from "./settings.mjs"

export const transports = ["websocket", "sse", "long-poll"]

/** SockJS's names of the transports. */
const NAMES = { websocket: "websocket", sse: "eventsource", "long-poll": "xhr-polling" }

export function serve({ server, application }) {
  const hub = sockjs.createServer({ log() {}, heartbeat_delay: BEAT_MS, response_limit: 1 << 30 })
  const sockets = new Set()
  hub.on("connection", (socket) => {
    sockets.add(socket)
    socket.on("data", (text) => {
      const [name, data] = JSON.parse(text)
      application.heard(socket, name, data)
    })
    socket.on("close", () => {
      sockets.delete(socket)
      application.left(socket)
    })
    application.connected(socket)
  })
  hub.installHandlers(server, { prefix: "/sockjs" })
  return {
    send: (socket, name, data) => socket.write(JSON.stringify([name, data])),
    broadcast(name, data) {
      const text = JSON.stringify([name, data])
      for (const socket of sockets) socket.write(text)
    },
  }
}

export async function connect({ port, transport, heard }) {
  const socket = new SockJS(`http://127.0.0.1:${port}/sockjs`, null, { transports: [NAMES[transport]] })
  socket.onmessage = ({ data }) => heard(JSON.parse(data)[1])
  await new Promise((resolve, reject) => {
    socket.onopen = resolve
    socket.onclose = reject
  })
  return { send: (name, data) => socket.send(JSON.stringify([name, data])), close: () => socket.close() }
}

export function openWire(options) {
  if (options.transport === "websocket") return openSocket(options)
  return options.transport === "sse" ? openStream(options) : openPolls(options)
}

async function openSocket({ port, hear }) {
  const socket = await RawWebSocket.open(port, `/sockjs/000/${randomUUID()}/websocket`)
  await new Promise((resolve) => {
    socket.onFrame = (frame) => {
      hear(frame)
      resolve()
    }
  })
  return {
    say: (name, payloads) => socket.send(...payloads.map((data) => encode(name, [data]))),
    sockets: [socket.socket],
    close: () => socket.close(),
  }
}

async function openStream({ port, hear }) {
  const up = new RawHttp(port)
  const down = new RawHttp(port)
  const path = `/sockjs/000/${randomUUID()}`
  await new Promise((resolve) =>
    down.stream(`${path}/eventsource`, (lines) => {
      hear(lines)
      resolve()
    }),
  )
  return httpWire(up, down, path)
}

async function openPolls({ port, hear }) {
  const up = new RawHttp(port)
  const down = new RawHttp(port)
  const path = `/sockjs/000/${randomUUID()}`
  hear(await down.request("POST", `${path}/xhr`))
  const poll = async () => {
    while (!down.socket.destroyed) hear(await down.request("POST", `${path}/xhr`))
  }
  poll().catch(() => {})
  return httpWire(up, down, path)
}

function httpWire(up, down, path) {
  return {
    say: (name, payloads) => up.request("POST", `${path}/xhr_send`, encode(name, payloads)),
    sockets: [up.socket, down.socket],
    close() {
      up.close()
      down.close()
    },
  }
}

function encode(name, payloads) {
  return JSON.stringify(payloads.map((data) => JSON.stringify([name, data])))
}
