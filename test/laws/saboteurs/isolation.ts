import { alters, loses, whenClosed } from "./faults.ts"
import type { Spoil } from "./sabotage.ts"
import { eachSeat, type Saboteur, saboteur } from "./saboteur.ts"

/** The 30th batch of the second link goes out on the first link. */
const mixes = alters((batch, tap) => {
  if (tap.number !== 1 || tap.sent !== 30) return batch
  tap.previous?.link.send(batch)
  return undefined
})

/** The eighth dial of a tick gets the wire of the seventh. */
const shares: Spoil = (tap) => {
  const dialed = tap.world.taps.channel.filter(({ openedAt }) => openedAt === tap.now)
  return dialed.length > 7 ? { send: (batch) => tap.previous?.link.send(batch) } : {}
}

const closesAll = whenClosed((tap, why) => {
  if (why.code !== "closed") return
  for (const neighbour of tap.world.taps[tap.seat]) {
    if (neighbour === tap || neighbour.over !== undefined) continue
    neighbour.link.close(why)
    tap.later(() => neighbour.tell.closed(why))
  }
})

/** The queue of a link that was closed in the middle of a burst is given to every later link. */
const inherits: Spoil = (tap) => ({
  send(batch) {
    const { kept } = tap.world
    const old = kept.get("old")
    if (tap.sent === 1 && old !== undefined) tap.link.send(old)
    if (tap.burst === 10) kept.set("queue", batch)
    tap.link.send(batch)
  },
  close(why) {
    const queue = tap.world.kept.get("queue")
    if (tap.burst >= 10 && queue !== undefined) tap.world.kept.set("old", queue)
    tap.link.close(why)
  },
})

export const isolation: readonly Saboteur[] = [
  saboteur("isolation.two-links", "mixes up two links", /at the hub's end packet "mb30.* that nobody said/, {
    channel: mixes,
  }),
  saboteur("isolation.two-links", "mixes up two links at the hub", /channel's end "md30.* where packet 1 of 50/, {
    hub: mixes,
  }),
  saboteur("isolation.many-dials", "has seven wires for eight dials", /8 welcomes; seen: 7/, { channel: shares }),
  ...eachSeat("isolation.close-at", "closes all links with one", /packet 1 of 1 missing: "mstill/, { end: closesAll }),
  saboteur("isolation.redial", "hands down a queue", /"mold .* where packet 1 of 1 belongs: "mstill up/, {
    channel: inherits,
  }),
  saboteur("isolation.busy-neighbour", "carries nothing beside a full link", /packet 1 of 1 missing: "mstill up/, {
    channel: loses((_, { world }) => world.taps.channel.some(({ link }) => link.bufferedBytes > 700_000)),
  }),
  saboteur("isolation.name", "calls the hub's end by another name", /memory everywhere; seen: memory, other, memory/, {
    hub: () => ({ name: "other" }),
  }),
]
