import type { Code } from "../wire/errors.ts"

/** How often each code has occurred. A code that has not occurred is absent. */
export type Tally = Readonly<Partial<Record<Code, number>>>

/** What a hub counts besides what its sessions carry. The counts never fall. */
export interface HubCounts {
  /** Sessions that have begun. */
  began: number
  /** How often a session went on after it had been without a link. */
  resumed: number
  /** Requests of channels for which a handler was called, or which none handles. */
  requests: number
}

/** Counts events by code. */
export class Counts {
  readonly #counts = new Map<Code, number>()

  add(code: Code): void {
    // A channel can put any text as a code into its bye. The limit keeps made-up codes from filling the memory.
    const known = this.#counts.has(code) || this.#counts.size < MOST_CODES ? code : "closed-by-peer"
    this.#counts.set(known, (this.#counts.get(known) ?? 0) + 1)
  }

  get tally(): Tally {
    return Object.fromEntries(this.#counts)
  }
}

/** Most codes that are counted apart. Larger than the number of real codes. */
const MOST_CODES = 64
