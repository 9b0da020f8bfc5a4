import type { Dropped } from "../session/delivery/delivery.ts"
import type { Code } from "../wire/errors.ts"

/** How often each code has occurred. A code that has not occurred is absent. */
export type Tally = Readonly<Partial<Record<Code, number>>>

/** What a hub keeps now, and how much it has refused and ended since it was created. */
export interface HubStats {
  /** Sessions, with and without a link. `limits.maxSessions` is their cap. */
  readonly sessions: number
  /** Links that have no welcome yet. `limits.maxUnwelcomedLinks` is their cap. */
  readonly unwelcomedLinks: number
  /**
   * Hellos for which `authenticate` runs now or that wait for it. `limits.maxAuthentications` caps those for which it
   * runs.
   */
  readonly authenticating: number
  /** Bytes that the hub keeps for all sessions, counted when this is read. `limits.maxKeptBytes` is their cap. */
  readonly keptBytes: number
  /** How often something was refused, by code. Counts each call of `onRefused`. */
  readonly refused: Tally
  /** Sessions that have ended, by code. Counts each call of a peer's `onClose`. */
  readonly ended: Tally
  /** How many messages to peers were dropped because of their options, by reason. Counts one for each peer. */
  readonly dropped: Dropped
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
