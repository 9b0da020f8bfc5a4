import type { Batch } from "./transport.ts"

/** A longer source is not kept, in UTF-16 units or bytes: for it, the saved work is small compared with the memory. */
const KEPT_LENGTH = 65_536

/**
 * Remembers what was last made from a text or from bytes. A broadcast passes the same batch to many links of a hub, one
 * after another, so its frame is made only once. Each hub has its own. It keeps at most one source of 64 Ki units and
 * what was made of it, which is as large plus a header, or up to three bytes for each unit.
 */
export class LastMade<From extends Batch, Made> {
  readonly #make: (from: From) => Made
  #last: { readonly from: From; readonly made: Made } | undefined

  constructor(make: (from: From) => Made) {
    this.#make = make
  }

  of(from: From): Made {
    if (this.#last?.from === from) return this.#last.made
    const made = this.#make(from)
    this.#last = from.length <= KEPT_LENGTH ? { from, made } : undefined
    return made
  }
}
