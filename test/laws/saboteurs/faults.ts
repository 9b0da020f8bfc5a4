import type { Batch } from "../../../src/transports/transport.ts"
import { decodeBatch, encodeBatch, type Packet } from "../../../src/wire/batch.ts"
import type { Closing } from "../../../src/wire/errors.ts"
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
export function rewrites(pattern: string | RegExp, to: string): Spoil {
  return alters((batch) => (typeof batch === "string" ? batch.replaceAll(pattern, to) : batch))
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

/** Does something beside sending. */
export function whenSent(run: (tap: Tap, batch: Batch) => void): Spoil {
  return (tap) => ({
    send(batch) {
      tap.link.send(batch)
      run(tap, batch)
    },
  })
}

/** Does something before it closes. */
export function whenClosed(run: (tap: Tap, why: Closing) => void): Spoil {
  return (tap) => ({
    close(why) {
      run(tap, why)
      tap.link.close(why)
    },
  })
}

/** Closes for another reason than it was told. */
export function closesAs(change: (why: Closing, tap: Tap) => Closing): Spoil {
  return (tap) => ({ close: (why) => tap.link.close(change(why, tap)) })
}

/** Whether a count that has grown by so much has just passed the limit. */
export function crosses(limit: number, count: number, growth: number): boolean {
  return count > limit && count - growth <= limit
}

/** What is in a batch. */
export function packets(batch: Batch): readonly Packet[] {
  return decodeBatch(batch)
}
