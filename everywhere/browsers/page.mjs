// The page of run.mjs, with one channel over the transport that the page's URL names.

import { createChannel } from "everwire"

const channel = createChannel("/everwire", {
  transports: [new URLSearchParams(location.search).get("transport")],
  store: null,
})
const ticks = []
channel.on("tick", (tick) => ticks.push(tick))
let persisted = false
addEventListener("pageshow", (event) => {
  persisted ||= event.persisted
})

globalThis.page = {
  /**
   * When the hub has heard everything: returns the peer's id, and whether the page came from the back/forward cache.
   */
  async opened() {
    while (channel.status !== "open") await new Promise((resolve) => setTimeout(resolve, 5))
    await channel.flush()
    return { peerId: channel.peerId, persisted }
  },
  ticks: () => [...ticks],
}
