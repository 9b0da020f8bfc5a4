// The page of tabs.test.ts: a channel that says something every half second, and what became of it.

import { createChannel } from "everwire"

const openedAt = performance.now()
const channel = createChannel("/everwire", { store: null })
let openMs = Number.POSITIVE_INFINITY
/** When a tick of the hub, and an answer to something said, came last. */
let downAt = openedAt
let upAt = openedAt
let silenceMs = 0

const look = (): void => {
  const now = performance.now()
  silenceMs = Math.max(silenceMs, now - downAt, now - upAt)
}
void channel.opened.then(() => {
  openMs = performance.now() - openedAt
})
channel.on("tick", () => {
  look()
  downAt = performance.now()
})
channel.on("echo", () => {
  look()
  upAt = performance.now()
})
setInterval(() => channel.send("say"), 500)

const page = {
  report() {
    look()
    return { openMs, silenceMs, transport: channel.transport ?? "none" }
  },
}
export type TabsPage = typeof page
Object.assign(globalThis, { page })
