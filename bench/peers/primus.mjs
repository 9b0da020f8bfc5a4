import { randomUUID } from "node:crypto"
import Primus from "primus"
import { RawWebSocket } from "../wire/websocket.mjs"
import { BEAT_MS } from "./settings.mjs"

export const transports = ["websocket"]

const OPTIONS = { transformer: "websockets", pathname: "/primus", iknowhttpsisbetter: true }

export function serve({ server, application }) {
  const hub = new Primus(server, { ...OPTIONS, pingInterval: BEAT_MS })
  hub.on("connection", (spark) => {
    spark.on("data", ([name, data]) => application.heard(spark, name, data))
    spark.on("end", () => application.left(spark))
    application.connected(spark)
  })
  return {
    send: (spark, name, data) => spark.write([name, data]),
    broadcast: (name, data) => hub.write([name, data]),
  }
}

export async function connect({ port, heard }) {
  const Socket = Primus.createSocket(OPTIONS)
  const socket = new Socket(`http://127.0.0.1:${port}`)
  socket.on("data", ([, data]) => heard(data))
  await new Promise((resolve, reject) => socket.on("open", resolve).on("error", reject))
  return { send: (name, data) => socket.write([name, data]), close: () => socket.end() }
}

export async function openWire({ port, hear }) {
  const socket = await RawWebSocket.open(port, `/primus/?_primuscb=${randomUUID()}`)
  socket.onFrame = (frame) => {
    if (frame.includes("primus::ping::")) socket.send(frame.toString().replace("ping", "pong"))
    else hear(frame)
  }
  return {
    say: (name, payloads) => socket.send(...payloads.map((data) => JSON.stringify([name, data]))),
    sockets: [socket.socket],
    close: () => socket.close(),
  }
}
