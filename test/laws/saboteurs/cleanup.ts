import type { Spoil, Tap } from "./sabotage.ts"
import { type Saboteur, saboteur } from "./saboteur.ts"

type Leave = (tap: Tap) => void

const leavesTimer: Leave = (tap) => void tap.runtime.after(3_600_000, () => {})
const leavesSocket: Leave = (tap) => void tap.world.litter.push("a socket")

/** Leaves something behind when the link closes, or is closed by the other end. */
function atEnd(leave: Leave, which: (tap: Tap) => boolean): Spoil {
  return (tap) => ({
    close(why) {
      if (which(tap)) leave(tap)
      tap.link.close(why)
    },
    closed(why) {
      if (which(tap)) leave(tap)
      tap.tell.closed(why)
    },
  })
}

const endings: readonly [id: string, when: string, seat: "channel" | "hub", which: (tap: Tap) => boolean][] = [
  ["channel-close", "the channel closes after five batches", "channel", (tap) => tap.sent === 5],
  ["hub-close", "the hub closes after five batches", "hub", (tap) => tap.sent === 5],
  ["before-open", "a dial is cancelled", "channel", (tap) => tap.now === tap.openedAt],
  ["refusal", "a hello is refused", "hub", (tap) => tap.inside === "batch" && tap.heard === 0],
  ["break", "the connection breaks", "channel", (tap) => tap.world.severed && tap.over === undefined],
  ["unreachable", "nobody is there", "channel", (tap) => tap.world.vanished === "hub" && tap.heard < 0],
]

const TIMER = /no timer 6000 ms after the end; seen: a timer of 3600000 ms at the (channel|hub)/
const SOCKET = /nothing left of the link; seen: a socket/

export const cleanup: readonly Saboteur[] = [
  ...endings.flatMap(([id, when, seat, which]) => [
    saboteur(`cleanup.timers-${id}`, `leaves a timer when ${when}`, TIMER, {
      [seat]: atEnd(leavesTimer, which),
      // A channel dials again as soon as its hub has closed, and is refused there.
      also: id === "refusal" ? ["interop.hub-closing"] : [],
    }),
    saboteur(`cleanup.held-${id}`, `leaves a socket when ${when}`, SOCKET, { [seat]: atEnd(leavesSocket, which) }),
  ]),
  saboteur("cleanup.many", "leaves a socket at the twentieth link", SOCKET, {
    channel: atEnd(leavesSocket, (tap) => tap.number === 19),
  }),
  saboteur("cleanup.teardown", "leaves its listener", /nothing left of the link; seen: a listener/, {
    rig: ({ rig, litter }) => ({
      async teardown() {
        await rig.teardown()
        litter.push("a listener")
      },
    }),
  }),
]
