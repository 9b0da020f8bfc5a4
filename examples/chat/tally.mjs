// @ts-check

/** A number this far ahead of the last one is invalid. Otherwise a client could make us store an enormous gap. */
const GAP_LIMIT = 100_000

/** Counts a stream of numbers: how many came, how many are missing, how many came twice. Both ends use it. */
export class Tally {
  /** Numbers heard, each once. */
  received = 0
  /** Numbers heard again. */
  doubled = 0
  /** The next number that is expected. */
  #next
  /** Numbers that were skipped and have not come since. */
  #missing = /** @type {Set<number>} */ (new Set())

  /** @param {number} first number of the stream */
  constructor(first) {
    this.#next = first
  }

  get lost() {
    return this.#missing.size
  }

  /** @param {number} n */
  hear(n) {
    if (!Number.isSafeInteger(n) || n - this.#next > GAP_LIMIT) return
    if (n < this.#next && !this.#missing.delete(n)) {
      this.doubled++
      return
    }
    this.received++
    for (; this.#next < n; this.#next++) this.#missing.add(this.#next)
    this.#next = Math.max(this.#next, n + 1)
  }

  /** @returns {import("./contract.ts").Count} */
  get count() {
    return { received: this.received, lost: this.lost, doubled: this.doubled }
  }
}
