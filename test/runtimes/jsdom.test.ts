import { type ClientSocket, createChannel } from "everwire"
import { afterEach, expect, it } from "vitest"
import { WebSocket } from "ws"
import { disposeAll, startHub } from "../support/hub-server.ts"

afterEach(disposeAll)

/** As jsdom's: sends in a later task, and drops what waits when it is closed. */
class LateSocket extends WebSocket {
  override send(data: string | Uint8Array): void {
    setTimeout(() => {
      if (this.readyState === WebSocket.OPEN) super.send(data)
    })
  }
}

it("a WebSocket whose closing frame overtakes the bye ends the peer at once all the same", async () => {
  const { hub, url } = await startHub()
  const closed = new Promise((resolve) => hub.onPeer((peer) => peer.onClose(resolve)))
  const openSocket = (to: string, protocols: string[]): ClientSocket => new LateSocket(to, protocols) // implements the named part of the interface
  const channel = createChannel(url, { transports: ["websocket"], platform: { openSocket } })
  await channel.opened
  await channel.close()
  expect(await closed).toMatchObject({ code: "closed-by-peer", reason: "closed by the application" })
})
