import type { Batch } from "./transport.ts"

/** Nothing longer is kept, in UTF-16 units of text or in bytes: what that saves is small beside what it holds. */
const KEPT_LENGTH = 65_536

/**
 * What was made last of a text or of bytes. A broadcast hands the same to one link of a hub after another, so a frame of it is
 * made once. It belongs to one hub, and keeps at most 64 Ki units and what is made of them, which is as many and a header, or
 * up to three bytes for each.
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
