import type { Sabotage, Spoil, Tap } from "./sabotage.ts"
import { type Saboteur, saboteur } from "./saboteur.ts"

type Leave = (tap: Tap) => void

/** What may be left of a link. */
const leave: Readonly<Record<"timers" | "held", Leave>> = {
  timers: (tap) => void tap.runtime.after(3_600_000, () => {}),
  held: (tap) => void tap.world.litter.push("a socket"),
}

/** Leaves something behind when it closes, or is closed, in such a way. */
function whenOver(which: (tap: Tap) => boolean): (leave: Leave) => Spoil {
  return (leave) => (tap) => {
    const over = (): void => (which(tap) ? leave(tap) : undefined)
    return {
      close(why) {
        over()
        tap.link.close(why)
      },
      closed(why) {
        over()
        tap.tell.closed(why)
      },
    }
  }
}

const endings: readonly [id: string, when: string, (leave: Leave) => Sabotage][] = [
  ["channel-close", "the channel closes after five batches", at("channel", (tap) => tap.sent === 5)],
  ["hub-close", "the hub closes after five batches", at("hub", (tap) => tap.sent === 5)],
  ["before-open", "a dial is cancelled", at("channel", (tap) => tap.now === tap.openedAt)],
  ["refusal", "a hello is refused", at("hub", (tap) => tap.inside === "batch" && tap.heard === 0)],
  ["break", "the connection breaks", at("channel", (tap) => tap.world.severed && tap.over === undefined)],
  ["unreachable", "nobody is there", at("channel", (tap) => tap.world.vanished === "hub" && tap.heard < 0)],
]

function at(seat: "channel" | "hub", which: (tap: Tap) => boolean): (leave: Leave) => Sabotage {
  return (leave) => ({ [seat]: whenOver(which)(leave) })
}

const LEFT = /nothing left of the link; seen: a socket/

export const cleanup: readonly Saboteur[] = [
  ...endings.flatMap(([id, when, sabotage]) => [
    saboteur(
      `cleanup.timers-${id}`,
      `leaves a timer when ${when}`,
      /no timer 6000 ms after the end; seen: a timer of 3600000 ms at the \w+/,
      sabotage(leave.timers),
    ),
    saboteur(`cleanup.held-${id}`, `leaves a socket when ${when}`, LEFT, sabotage(leave.held)),
  ]),
  saboteur(
    "cleanup.many",
    "leaves a socket on each 20th link",
    LEFT,
    at("channel", (tap) => tap.number === 19)(leave.held),
  ),
  saboteur("cleanup.teardown", "leaves its listener", /nothing left of the link; seen: a listener/, {
    rig: (world) => ({
      async teardown() {
        await world.rig.teardown()
        world.litter.push("a listener")
      },
    }),
  }),
]
