import { Server } from "socket.io"
import { io } from "socket.io-client"
import { WebSocket, WebSocketServer } from "ws"
import { createChannel } from "../../dist/index.js"
import { createHub } from "../../dist/node.js"

/**
 * The peers that are measured over the modem. Each has two halves:
 * - `serve(server, { there, heard })` attaches it to an `http.Server`. `there` is called with a voice when a client has
 *   connected, and `heard` with the data of each message. Returns a function that closes it.
 * - `dial(port, heard)` returns a client: its `voice`, `report()` and `close()`, and `opened` if it cannot send before
 *   that.
 *
 * A voice has `send(data)`, which returns false when the sender should wait, and `writable()`, which ends the wait.
 */
export const peers = {
  ws: rawWebSocket(),
  websocket: everwire(["websocket"]),
  sse: everwire(["sse"]),
  "long-poll": everwire(["long-poll"]),
  "short-poll": everwire(["short-poll"]),
  all: everwire(undefined),
  "socket.io websocket": socketIo(["websocket"]),
  "socket.io": socketIo(["polling", "websocket"]),
}

/** Raw `ws`, one message per frame. It has no session: messages that have not arrived when it closes are lost. */
function rawWebSocket() {
  const voiceOf = (socket) => ({
    send(data) {
      socket.send(JSON.stringify(["message", data]))
      return socket.bufferedAmount < SOCKET_BYTES
    },
    writable: () => until(() => socket.bufferedAmount < SOCKET_BYTES || socket.readyState !== WebSocket.OPEN),
  })
  return {
    serve(server, { there, heard }) {
      const sockets = new WebSocketServer({ server, perMessageDeflate: false })
      sockets.on("connection", (socket) => {
        socket.on("error", () => {})
        socket.on("message", (frame) => heard(JSON.parse(frame)[1]))
        there(voiceOf(socket))
      })
      return () => sockets.close()
    },
    dial(port, heard) {
      const socket = new WebSocket(`ws://127.0.0.1:${port}`, { perMessageDeflate: false })
      let closed = 0
      socket.on("error", () => {})
      socket.on("close", () => closed++)
      socket.on("message", (frame) => heard(JSON.parse(frame)[1]))
      const opened = new Promise((resolve) => socket.on("open", resolve))
      return {
        voice: voiceOf(socket),
        opened,
        report: () => ({ interruptions: closed }),
        close: () => socket.terminate(),
      }
    },
  }
}

/** Bytes that a raw socket may buffer before its sender waits. */
const SOCKET_BYTES = 65_536

function everwire(transports) {
  return {
    transports: transports ?? ["websocket", "sse", "long-poll", "short-poll"],
    serve(server, { there, heard }) {
      const hub = createHub()
      hub.onError(() => {})
      hub.onPeer((peer) => there(everwireVoice(peer)))
      hub.on("message", heard)
      hub.attach(server)
      return () => hub.close()
    },
    dial(port, heard) {
      const channel = createChannel(`http://127.0.0.1:${port}`, { transports, store: null })
      const incidents = new Set()
      let wasOpen = false
      let interruptions = 0
      channel.onStatus((status) => {
        if (status === "open") wasOpen = true
        else if (wasOpen) interruptions++
      })
      channel.onError(() => {})
      channel.onReset(() => interruptions++)
      channel.on("message", heard)
      // The channel keeps the last 50 incidents; each is one object for as long as it is kept.
      const gather = () => {
        for (const incident of channel.explain().incidents) incidents.add(incident)
      }
      const gathering = setInterval(gather, 200)
      return {
        voice: everwireVoice(channel),
        rttMs: () => channel.rttMs,
        report() {
          gather()
          return { interruptions, incidents: [...incidents] }
        },
        close() {
          clearInterval(gathering)
          return channel.close({ flushMs: 0 })
        },
      }
    },
  }
}

function everwireVoice(end) {
  return {
    send: (data) => end.send("message", data),
    // A hub's peer of version 0.1 has no `writable`; its `send` answers false from 1 MiB on.
    writable: () => end.writable?.() ?? until(() => end.bufferedBytes < 1 << 20 || end.closed),
  }
}

/** Socket.IO has no signal that tells a sender to wait. */
function socketIo(transports) {
  const voiceOf = (socket) => ({
    send(data) {
      socket.emit("message", data)
      return true
    },
    writable: () => Promise.resolve(),
  })
  return {
    serve(server, { there, heard }) {
      const hub = new Server(server, { serveClient: false, maxHttpBufferSize: 8 << 20 })
      hub.on("connection", (socket) => {
        socket.on("message", heard)
        there(voiceOf(socket))
      })
      return () => hub.close()
    },
    dial(port, heard) {
      const socket = io(`http://127.0.0.1:${port}`, { transports, forceNew: true })
      let interruptions = 0
      socket.on("disconnect", () => interruptions++)
      socket.on("message", heard)
      return { voice: voiceOf(socket), report: () => ({ interruptions }), close: () => socket.disconnect() }
    },
  }
}

/** Waits by calling the condition every few milliseconds. */
async function until(test) {
  while (!test()) await new Promise((resolve) => setTimeout(resolve, 10))
}
