import { randomBytes } from "node:crypto"
import { once } from "node:events"
import type { IncomingMessage } from "node:http"
import { createChannel } from "everwire"
import { afterEach, describe, expect, it } from "vitest"
import { WebSocket, WebSocketServer } from "ws"
import { HeardSocket } from "../../../src/runtimes/node/heard-socket.ts"
import { NodeSocket, SocketWriter } from "../../../src/runtimes/node/socket.ts"
import { Clockwork } from "../../../src/session/clockwork.ts"
import { createRuntime, disposeAll, onDispose, startHub, startServer } from "../../support/hub-server.ts"

afterEach(disposeAll)

/** Together larger than the buffers of a link and of a socket's stream. */
const PARTS = 64
const part = "a text that repeats itself. ".repeat(1_000)

describe("permessage-deflate (RFC 7692)", () => {
  it.each([
    [true, "permessage-deflate"],
    [false, ""],
  ])(
    "with perMessageDeflate: %s the extension is %j, and a flow larger than all buffers arrives",
    async (perMessageDeflate, extension) => {
      const { hub, url, sockets } = await startHub({ perMessageDeflate })
      const opened: WebSocket[] = []
      const channel = createChannel(url, {
        transports: ["websocket"],
        platform: {
          openSocket(address, protocols) {
            const socket = new WebSocket(address, protocols)
            opened.push(socket)
            return socket // The object implements the part of the interface that is used here.
          },
        },
      })
      onDispose(() => channel.close())
      const heard: string[] = []
      const all = new Promise<void>((resolve) => {
        channel.on("part", (text) => {
          if (heard.push(String(text)) === PARTS) resolve()
        })
      })
      hub.onPeer((peer) => {
        for (let i = 0; i < PARTS; i++) peer.send("part", `${i} ${part}`)
      })
      await all
      expect(heard.map((text) => Number.parseInt(text, 10))).toEqual(Array.from({ length: PARTS }, (_, i) => i))
      expect(opened.map((socket) => socket.extensions)).toEqual([extension])
      const written = Array.from(sockets).reduce((sum, socket) => sum + socket.bytesWritten, 0)
      const said = PARTS * part.length
      expect(written < said / 10).toBe(perMessageDeflate)
    },
  )

  it("reports room once, and only to links that lacked it", async () => {
    const { server, port } = await startServer()
    const sockets = new WebSocketServer({ server, perMessageDeflate: true, WebSocket: HeardSocket })
    onDispose(() => sockets.close())
    const client = new WebSocket(`ws://127.0.0.1:${port}`)
    // The type of this event of ws.
    const [opened, request] = (await once(sockets, "connection")) as [HeardSocket, IncomingMessage]
    const socket = new NodeSocket(opened, request.socket, new SocketWriter(new Clockwork(createRuntime())))
    let told = 0
    const room = new Promise<void>((resolve) => {
      const drained = (): void => {
        told++
        resolve()
      }
      socket.hear({ message() {}, closed() {}, drained })
    })
    socket.send("a little")
    await once(client, "message")
    expect(told).toBe(0)
    socket.send(randomBytes(1_048_576))
    await room
    await once(client, "message")
    expect(told).toBe(1)
  })
})
