import type { Batch } from "../../../src/transports/transport.ts"
import { decodeBatch, encodeBatch, type Packet } from "../../../src/wire/batch.ts"
import type { Closing } from "../../../src/wire/errors.ts"
import type { Spoil, Tap } from "./sabotage.ts"

/** Whether the fault applies to a batch that is being sent. `tap.sent` is the number of the batch. */
export type Which = (batch: Batch, tap: Tap) => boolean

/** Sends the result of `change` in place of the batch, or nothing for undefined. */
export function alters(change: (batch: Batch, tap: Tap) => Batch | undefined): Spoil {
  return (tap) => ({
    send(batch) {
      const altered = change(batch, tap)
      if (altered !== undefined) tap.link.send(altered)
    },
  })
}

/** Loses some batches. */
export function loses(which: Which): Spoil {
  return alters((batch, tap) => (which(batch, tap) ? undefined : batch))
}

/** Replaces text in transit. */
export function rewrites(pattern: string | RegExp, to: string): Spoil {
  return alters((batch) => (typeof batch === "string" ? batch.replaceAll(pattern, to) : batch))
}

/** Removes the last packet of some batches. */
export function losesLastPacket(which: Which): Spoil {
  return alters((batch, tap) => (which(batch, tap) ? encodeBatch(packets(batch).slice(0, -1)) : batch))
}

/** Sends some batches at the end of the tick, so that later batches overtake them. */
export function delays(which: Which): Spoil {
  return (tap) => ({
    send: (batch) => (which(batch, tap) ? tap.later(() => tap.link.send(batch)) : tap.link.send(batch)),
  })
}

/**
 * Holds some batches until the next batch or the end of the tick. A batch that is held when the link closes is lost.
 */
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

/** Runs an action after each send. */
export function whenSent(run: (tap: Tap, batch: Batch) => void): Spoil {
  return (tap) => ({
    send(batch) {
      tap.link.send(batch)
      run(tap, batch)
    },
  })
}

/** Runs an action before the close. */
export function whenClosed(run: (tap: Tap, why: Closing) => void): Spoil {
  return (tap) => ({
    close(why) {
      run(tap, why)
      tap.link.close(why)
    },
  })
}

/** Closes with another reason than the caller gave. */
export function closesAs(change: (why: Closing, tap: Tap) => Closing): Spoil {
  return (tap) => ({ close: (why) => tap.link.close(change(why, tap)) })
}

/** Whether the last growth of a count has crossed the limit. */
export function crosses(limit: number, count: number, growth: number): boolean {
  return count > limit && count - growth <= limit
}

/** The packets of a batch. */
export function packets(batch: Batch): readonly Packet[] {
  return decodeBatch(batch)
}
