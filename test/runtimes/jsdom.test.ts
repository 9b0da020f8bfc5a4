import { type ClientSocket, createChannel } from "everwire"
import { afterEach, expect, it } from "vitest"
import { WebSocket } from "ws"
import { disposeAll, startHub } from "../support/hub-server.ts"

afterEach(disposeAll)

/** As in jsdom: sends in a later task, and drops waiting messages when it is closed. */
class LateSocket extends WebSocket {
  override send(data: string | Uint8Array): void {
    setTimeout(() => {
      if (this.readyState === WebSocket.OPEN) super.send(data)
    })
  }
}

it("a WebSocket whose closing frame overtakes the bye still ends the peer at once", async () => {
  const { hub, url } = await startHub()
  const closed = new Promise((resolve) => hub.onPeer((peer) => peer.onClose(resolve)))
  // The object implements the part of the interface that is used here.
  const openSocket = (to: string, protocols: string[]): ClientSocket => new LateSocket(to, protocols)
  const channel = createChannel(url, { transports: ["websocket"], platform: { openSocket } })
  await channel.opened
  await channel.close()
  expect(await closed).toMatchObject({ code: "closed-by-peer", reason: "closed by the application" })
})
