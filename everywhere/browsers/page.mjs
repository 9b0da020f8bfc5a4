// The page of run.mjs: one channel, over the transport that its address names.

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
  /** Tells whose peer this is, and whether the page was kept while it was away, as soon as all that was said is heard. */
  async opened() {
    while (channel.status !== "open") await new Promise((resolve) => setTimeout(resolve, 5))
    await channel.flush()
    return { peerId: channel.peerId, persisted }
  },
  ticks: () => [...ticks],
}
