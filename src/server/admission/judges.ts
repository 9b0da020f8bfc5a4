import type { Clockwork } from "../../session/clockwork.ts"
import { spent, waitMs } from "../limits/allowance.ts"
import type { Site } from "./sites.ts"

/** How long a hub waits for the hello of an open link. */
export const HELLO_DEADLINE_MS = 5_000

/** The largest part of `maxAuthentications` that one address may use at once. */
const PART_OF_SITE = 1 / 4

/** A hello that waits for `authenticate`. */
export interface Case {
  readonly site: Site | undefined
  /** Whether the link still waits for the answer. */
  isOpen(): boolean
  /** Calls `authenticate`, and calls `settled` when that has answered. */
  judge(settled: () => void): void
}

/** A call of `authenticate` that has not answered yet. */
interface Call {
  readonly site: Site | undefined
  readonly since: number
}

/** Calls `authenticate` for hellos in order, within limits on calls at once and calls per second. */
export class Judges {
  readonly #clockwork: Clockwork
  readonly #most: number
  /**
   * What one call costs of the allowance per second, and the moment when the allowance is full again: see
   * `allowance.ts`.
   */
  readonly #costMs: number
  #until = 0
  /** Calls without an answer, oldest first. */
  readonly #calls = new Set<Call>()
  readonly #waiting = new Set<Case>()
  /** Whether `#next` is running. `authenticate` may answer at once, which calls `#next` again. */
  #isLooking = false

  constructor(clockwork: Clockwork, most: number, mostPerSecond: number) {
    this.#clockwork = clockwork
    this.#most = most
    this.#costMs = 1_000 / mostPerSecond
  }

  /** How many hellos are being judged or wait for it. */
  get size(): number {
    return this.#calls.size + this.#waiting.size
  }

  /** Counts one hello for the limit per second. Returns 0, or how many milliseconds to wait if there are too many. */
  count(): number {
    const now = this.#clockwork.now()
    const ms = waitMs(this.#until, now)
    if (ms === 0) this.#until = spent(this.#until, this.#costMs, now)
    return ms
  }

  /** Calls `authenticate` for the hello now, or when there is room. */
  take(one: Case): void {
    if (this.#hasRoom(one.site)) return this.#begin(one)
    this.#waiting.add(one)
    if (this.#endLate()) this.#next()
  }

  #hasRoom(site: Site | undefined): boolean {
    return this.#calls.size < this.#most && (site?.judging ?? 0) < Math.max(1, this.#most * PART_OF_SITE)
  }

  #begin({ site, judge }: Case): void {
    const call: Call = { site, since: this.#clockwork.now() }
    this.#calls.add(call)
    if (site !== undefined) site.judging++
    judge(() => {
      this.#end(call)
      this.#next()
    })
  }

  #end(call: Call): void {
    if (this.#calls.delete(call) && call.site !== undefined) call.site.judging--
  }

  /**
   * Frees the places of calls that have not answered within the deadline of a hello. Returns whether there were any.
   */
  #endLate(): boolean {
    const { size } = this.#calls
    const late = this.#clockwork.now() - HELLO_DEADLINE_MS
    for (const call of this.#calls) {
      if (call.since > late) break
      this.#end(call)
    }
    return this.#calls.size < size
  }

  #next(): void {
    if (this.#isLooking) return
    this.#isLooking = true
    for (const one of this.#waiting) {
      if (this.#calls.size >= this.#most) break
      if (one.isOpen() && !this.#hasRoom(one.site)) continue
      this.#waiting.delete(one)
      if (one.isOpen()) this.#begin(one)
    }
    this.#isLooking = false
  }
}
