// The page of tabs.test.ts: a channel that sends a request every half second, and when its answers came.

import { createChannel } from "everwire"

const openedAt = performance.now()
const channel = createChannel("/everwire", { store: null })
let openMs = Number.POSITIVE_INFINITY
/** When the last tick of the hub came, and the last answer. */
let downAt = openedAt
let upAt = openedAt
let silenceMs = 0
/** How many ticks and answers came. */
let ticks = 0
let answers = 0

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
  ticks++
})
channel.on("echo", () => {
  look()
  upAt = performance.now()
  answers++
})
setInterval(() => channel.send("say"), 500)

const page = {
  report() {
    look()
    return { openMs, silenceMs, ticks, answers, transport: channel.transport ?? "none" }
  },
}
export type TabsPage = typeof page
Object.assign(globalThis, { page })
