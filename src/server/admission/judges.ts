import type { Clockwork } from "../../session/clockwork.ts"
import { HELLO_DEADLINE_MS } from "../../wire/defaults.ts"
import { spent, waitMs } from "../limits/allowance.ts"
import type { Site } from "./sites.ts"

/** Of the calls that may be under way, one address has this part at most. */
const PART_OF_SITE = 1 / 4

/** A hello that is to be judged. */
export interface Case {
  readonly site: Site | undefined
  /** Whether the link is still there. */
  isOpen(): boolean
  /** Calls `authenticate`. `settled` is to be called once it has answered. */
  judge(settled: () => void): void
}

/** A call that is under way. */
interface Call {
  readonly site: Site | undefined
  readonly since: number
}

/** Calls `authenticate` for one hello after another, only so many at once, and so many in a second. */
export class Judges {
  readonly #clockwork: Clockwork
  readonly #most: number
  /** What a call costs of what may be done in a second, and when all that was done is won back: see `allowance.ts`. */
  readonly #costMs: number
  #until = 0
  /** In the order in which they began. */
  readonly #calls = new Set<Call>()
  readonly #waiting = new Set<Case>()
  /** Whether those that wait are being looked through: one that is judged at once makes room meanwhile. */
  #isLooking = false

  constructor(clockwork: Clockwork, most: number, mostPerSecond: number) {
    this.#clockwork = clockwork
    this.#most = most
    this.#costMs = 1_000 / mostPerSecond
  }

  /** Hellos that are being judged, or wait for that. */
  get size(): number {
    return this.#calls.size + this.#waiting.size
  }

  /** Counts one hello that is to be judged; or, where too many have come, answers for how long it is to wait, in milliseconds. */
  count(): number {
    const now = this.#clockwork.now()
    const ms = waitMs(this.#until, now)
    if (ms === 0) this.#until = spent(this.#until, this.#costMs, now)
    return ms
  }

  /** Judges it now, or when there is room. */
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

  /** One that never answers has its place for no longer than a hello waits. Answers whether there was one. */
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
