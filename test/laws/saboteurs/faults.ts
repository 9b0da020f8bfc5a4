import { decodeBatch, encodeBatch, type Packet } from "../../../src/kernel/codec.ts"
import type { Batch } from "../../../src/transports/transport.ts"
import type { Spoil, Tap } from "./sabotage.ts"

/** Says of a batch that is being sent whether the fault is for it. `tap.sent` is its number. */
export type Which = (batch: Batch, tap: Tap) => boolean

/** Sends something else, or nothing, in the place of what is sent. */
export function alters(change: (batch: Batch, tap: Tap) => Batch | undefined): Spoil {
  return (tap) => ({
    send(batch) {
      const altered = change(batch, tap)
      if (altered !== undefined) tap.link.send(altered)
    },
  })
}

/** Some batches never arrive. */
export function loses(which: Which): Spoil {
  return alters((batch, tap) => (which(batch, tap) ? undefined : batch))
}

/** Text changes on the way. */
export function rewrites(pattern: string | RegExp, to: string, which: Which = () => true): Spoil {
  return alters((batch, tap) =>
    typeof batch === "string" && which(batch, tap) ? batch.replaceAll(pattern, to) : batch,
  )
}

/** Some batches lose their last packet. */
export function losesLastPacket(which: Which): Spoil {
  return alters((batch, tap) => (which(batch, tap) ? encodeBatch(packets(batch).slice(0, -1)) : batch))
}

/** Some batches go at the end of the tick, so that what is sent after them overtakes them. */
export function delays(which: Which): Spoil {
  return (tap) => ({
    send: (batch) => (which(batch, tap) ? tap.later(() => tap.link.send(batch)) : tap.link.send(batch)),
  })
}

/** Some batches wait for the next one; or, without one, for the end of the tick, unless the link is closed before. */
export function keepsBack(which: Which, until: "next" | "tick"): Spoil {
  return (tap) => {
    let held: Batch | undefined
    const release = (): void => {
      if (held !== undefined) tap.link.send(held)
      held = undefined
    }
    return {
      send(batch) {
        release()
        if (!which(batch, tap)) return tap.link.send(batch)
        held = batch
        if (until === "tick") tap.later(release)
      },
      close(why) {
        held = undefined
        tap.link.close(why)
      },
    }
  }
}

/** What is in a batch. */
export function packets(batch: Batch): readonly Packet[] {
  return decodeBatch(batch)
}

/** Whether a batch holds so many packets. */
export function holds(least: number, most = least): Which {
  return (batch) => {
    const { length } = packets(batch)
    return length >= least && length <= most
  }
}
