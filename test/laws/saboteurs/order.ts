import type { Batch } from "../../../src/transports/transport.ts"
import { delays, keepsBack, loses } from "./faults.ts"
import type { Spoil } from "./sabotage.ts"
import { bothWays, type Saboteur, saboteur } from "./saboteur.ts"

/** Two batches change places. */
function swaps(number: number): Spoil {
  return (tap) => {
    let held: Batch | undefined
    return {
      send(batch) {
        if (tap.sent === number) {
          held = batch
          return
        }
        tap.link.send(batch)
        if (held !== undefined) tap.link.send(held)
        held = undefined
      },
    }
  }
}

export const order: readonly Saboteur[] = [
  ...bothWays(
    "order.burst",
    "swaps the 700th batch and the next",
    /mn701.* where packet 700 of 1000 belongs/,
    swaps(700),
  ),
  ...bothWays(
    "order.paced",
    "keeps the fifth batch until there is a sixth",
    /packet 5 of 5 missing/,
    keepsBack((_, tap) => tap.sent === 5, "next"),
  ),
  ...bothWays(
    "order.sizes",
    "sends 58 to 64 kB on a slow lane",
    /\(10 characters\) where packet 1 of 20 belongs/,
    delays(({ length }) => length > 58_000 && length < 64_000),
  ),
  ...bothWays(
    "order.kinds",
    "lets text overtake bytes when there is much of both",
    /where packet 23 of 60 belongs/,
    delays((batch, tap) => typeof batch !== "string" && tap.sent > 20),
  ),
  saboteur("order.crossing", "stops carrying up when much has come down", /packet 251 of 300 missing/, {
    channel: loses((_, tap) => tap.sent > 250 && tap.heard > 200),
  }),
  saboteur(
    "order.before-open",
    "has room for 29 batches until it is open",
    /m30.* where packet 30|packet 50 of 50|31.* where packet 30 of 50/,
    {
      channel: loses((_, tap) => tap.heard < 0 && tap.sent === 30),
    },
  ),
  saboteur(
    "order.early-down",
    "loses one of many batches that the hub sends at the first moment",
    /where packet 30 of 50/,
    {
      hub: loses((_, tap) => tap.inside === "batch" && tap.heard === 0 && tap.sent === 30),
    },
  ),
  saboteur("order.after-quiet", "is dead after two seconds in which nothing was said", /packet 1 of 1 missing/, {
    channel: loses((_, tap) => tap.now - tap.busyAt > 2_000),
  }),
]
