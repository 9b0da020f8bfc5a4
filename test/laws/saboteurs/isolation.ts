import { alters, loses } from "./faults.ts"
import { eachSeat, type Saboteur, saboteur } from "./saboteur.ts"

export const isolation: readonly Saboteur[] = [
  saboteur(
    "isolation.two-links",
    "sends the 30th batch of the second link on the first",
    /at the hub's end packet "mb30.* that nobody said/,
    {
      channel: alters((batch, tap) => {
        if (tap.number !== 1 || tap.sent !== 30) return batch
        tap.previous?.link.send(batch)
        return undefined
      }),
    },
  ),
  saboteur("isolation.many-dials", "dials no more than seven links in a tick", /8 welcomes; seen: 7/, {
    channel(tap) {
      const inTick = tap.world.taps.channel.filter(({ openedAt }) => openedAt === tap.now)
      return inTick.length > 7 ? { send: (batch) => tap.previous?.link.send(batch) } : {}
    },
  }),
  ...eachSeat(
    "isolation.close-at",
    "closes all links when one is closed",
    /packet 1 of 1 missing.*|seen: nothing, closed/,
    (tap) => ({
      close(why) {
        tap.link.close(why)
        for (const neighbour of tap.world.taps[tap.seat]) {
          if (neighbour === tap || neighbour.over !== undefined || why.code !== "closed") continue
          neighbour.link.close(why)
          tap.later(() => neighbour.tell.closed(why))
        }
      },
    }),
  ),
  saboteur(
    "isolation.redial",
    "begins a link with what was in the queue when an older one was closed",
    /"mold .* where packet 1 of 1 belongs: "mstill up/,
    {
      channel: (tap) => ({
        send(batch) {
          const old = tap.world.kept.get("old")
          if (tap.sent === 1 && old !== undefined) tap.link.send(old)
          if (tap.burst === 10) tap.world.kept.set("queue", batch)
          tap.link.send(batch)
        },
        close(why) {
          const queue = tap.world.kept.get("queue")
          if (tap.burst >= 10 && queue !== undefined) tap.world.kept.set("old", queue)
          tap.link.close(why)
        },
      }),
    },
  ),
  saboteur(
    "isolation.busy-neighbour",
    "carries nothing when another link is full",
    /packet 1 of 1 missing: "mstill up/,
    {
      channel: loses((_, tap) =>
        tap.world.taps.channel.some((other) => other !== tap && other.link.bufferedBytes > 500_000),
      ),
    },
  ),
  saboteur("isolation.name", "calls the hub's end by another name", /memory everywhere; seen: memory, other, memory/, {
    hub: () => ({ name: "other" }),
  }),
]
