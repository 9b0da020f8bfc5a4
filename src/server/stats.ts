import type { Code } from "../wire/errors.ts"

/** How often each code has occurred. Codes that have not are absent. */
export type Tally = Readonly<Partial<Record<Code, number>>>

/** What a hub keeps at this moment, and what it has refused and ended since it began. */
export interface HubStats {
  /** Sessions, with and without a link. `limits.maxSessions` is their cap. */
  readonly sessions: number
  /** Links that have not been welcomed yet. `limits.maxUnwelcomedLinks` is their cap. */
  readonly unwelcomedLinks: number
  /** Hellos that `authenticate` judges now, or that wait for it. `limits.maxAuthentications` caps those that it judges. */
  readonly authenticating: number
  /** Bytes that are kept for all sessions, counted at this moment. `limits.maxKeptBytes` is their cap. */
  readonly keptBytes: number
  /** What was refused, by code: everything that `onRefused` hears of. */
  readonly refused: Tally
  /** Sessions that have ended, by code: everything that the `onClose` of a peer hears of. */
  readonly ended: Tally
}

/** Counts what occurs, by code. */
export class Counts {
  readonly #counts = new Map<Code, number>()

  add(code: Code): void {
    // A channel may say any code in its bye, and must not make the hub keep all of them.
    const known = this.#counts.has(code) || this.#counts.size < MOST_CODES ? code : "closed-by-peer"
    this.#counts.set(known, (this.#counts.get(known) ?? 0) + 1)
  }

  get tally(): Tally {
    return Object.fromEntries(this.#counts)
  }
}

/** More than there are codes. */
const MOST_CODES = 64
