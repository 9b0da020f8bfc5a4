import { type ClientSocket, createChannel } from "everwire"
import { afterEach, describe, expect, it } from "vitest"
import { WebSocket } from "ws"
import { disposeAll, onDispose, startHub } from "../support/hub-server.ts"

afterEach(disposeAll)

/** More than a link and a socket's stream hold at a time, so that it only arrives when the link says there is room. */
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
          openSocket(address) {
            const socket = new WebSocket(address)
            opened.push(socket)
            return socket as unknown as ClientSocket // implements the named part of the interface
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
})
