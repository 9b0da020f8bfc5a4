import type { Batch } from "../../../src/transports/transport.ts"
import { delays, keepsBack, loses } from "./faults.ts"
import type { Spoil } from "./sabotage.ts"
import { bothWays, type Saboteur, saboteur } from "./saboteur.ts"

/** Swaps two batches. */
function swaps(number: number): Spoil {
  return (tap) => {
    let held: Batch | undefined
    return {
      send(batch) {
        if (tap.sent !== number) tap.link.send(batch)
        if (held !== undefined) tap.link.send(held)
        held = tap.sent === number ? batch : undefined
      },
    }
  }
}

export const order: readonly Saboteur[] = [
  ...bothWays("order.burst", "swaps the 700th batch and the next", /"mn701\\t" .* where packet 700 of 1000 belongs/, {
    from: swaps(700),
  }),
  ...bothWays("order.paced", "keeps the fifth batch until there is a sixth", /packet 5 of 5 missing/, {
    from: keepsBack((_, tap) => tap.sent === 5, "next"),
  }),
  ...bothWays("order.sizes", "sends 58 to 64 kB on a slow lane", /\(10 characters\) where packet 1 of 20 belongs/, {
    from: delays(({ length }) => length > 58_000 && length < 64_000),
  }),
  ...bothWays("order.kinds", "lets text overtake bytes after 20 batches", /where packet 23 of 60 belongs: 4 bytes/, {
    from: delays((batch, tap) => typeof batch !== "string" && tap.sent > 20),
  }),
  saboteur("order.crossing", "stops carrying up when much has come down", /at the hub's end; .*251 of 300 missing/, {
    channel: loses((_, tap) => tap.sent > 250 && tap.heard > 200),
  }),
  saboteur("order.crossing", "stops carrying down when much went up", /channel's end; .*251 of 300 missing/, {
    hub: loses((_, tap) => tap.sent > 250 && tap.heard > 200),
  }),
  saboteur("order.before-open", "has room for 29 batches until it is open", /packet 30 of 50 belongs: "mn30/, {
    channel: loses((_, tap) => tap.heard < 0 && tap.sent === 30),
  }),
  saboteur("order.early-down", "loses one of many batches with the welcome", /packet 30 of 50 belongs: "mn30/, {
    hub: loses((_, tap) => tap.inside === "batch" && tap.heard === 0 && tap.sent === 30),
  }),
  saboteur("order.after-quiet", "is dead after two seconds of silence", /at the hub's end; .*packet 1 of 1 missing/, {
    channel: loses((_, tap) => tap.now - tap.busyAt > 2_000),
  }),
  saboteur("order.after-quiet", "is dumb after two seconds of silence", /channel's end; .*packet 1 of 1 missing/, {
    hub: loses((_, tap) => tap.sent === 1 && tap.now - tap.openedAt > 2_000),
  }),
]
