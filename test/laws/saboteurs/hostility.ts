import type { Link } from "../../../src/kernel/link.ts"
import type { Seat } from "../../../src/testing/laws.ts"
import type { Sabotage } from "./sabotage.ts"
import { type Saboteur, saboteur } from "./saboteur.ts"

/** Garbage is taken for a batch. */
function believesGarbage(toward: Seat): Sabotage {
  return {
    rig: (world) => ({
      garble: (seat) => (seat === toward ? world.taps[seat].at(-1)?.tell.batch("}{") : world.rig.garble?.(seat)),
    }),
  }
}

const stranger: Link = { name: "memory", bufferedBytes: 0, send() {}, close() {} }

export const hostility: readonly Saboteur[] = [
  saboteur(
    "hostility.garbled-up",
    "takes garbage for a batch that goes up",
    /nothing that nobody said; seen: }{/,
    believesGarbage("hub"),
  ),
  saboteur(
    "hostility.garbled-down",
    "takes garbage for a batch that comes down",
    /nothing that nobody said; seen: }{/,
    believesGarbage("channel"),
  ),
  saboteur(
    "hostility.neighbour",
    "cuts every link when one brings garbage",
    /1 packets at the hub's end; seen: packet 1 of 1 missing: "mstill up/,
    {
      rig: (world) => ({ garble: () => world.rig.sever?.() }),
    },
  ),
  saboteur(
    "hostility.strangers",
    "lets in whoever knocks",
    /whoever said garbage to be put out; seen: 1 strangers inside/,
    {
      rig: (world) => ({
        intrude: () =>
          world.door
            ?.admit(stranger, { transport: "memory", address: undefined, header: () => undefined })
            .batch("GET / HTTP/1.1"),
      }),
    },
  ),
  saboteur(
    "hostility.oversized",
    "brings the beginning of a batch that is too large",
    /nothing of it at the hub; seen: batch, batch, closed, closed with too-large/,
    {
      channel: (tap) => ({
        send(batch) {
          if (batch.length > 300_000) tap.link.send(batch.slice(0, 1_000))
          tap.link.send(batch)
        },
      }),
    },
  ),
  saboteur(
    "hostility.aftermath",
    "serves nobody when it has met garbage twice",
    /a link: the first batch reaches the hub/,
    {
      channel: (tap) => (tap.world.garbled > 1 ? { send() {} } : {}),
    },
  ),
]
