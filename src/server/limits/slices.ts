import type { Clockwork } from "../../session/clockwork.ts"

/** For so long one peer's packets are worked on without a look at what else has come, in milliseconds. */
const SLICE_MS = 2
/** So many at most, also where the clock stands still. */
const SLICE_PACKETS = 256
/** Slices of one turn. */
const TURN_SLICES = 4
/** A turn of several peers takes so long, in milliseconds, before everything else has its turn. */
const TURN_MS = 4

/** A link with packets that wait. */
export interface Worker {
  /** Works on what waits until `mayGoOn` denies it. Answers whether more waits and may be worked on in the next turn. */
  work(): boolean
}

/**
 * Divides the hub's time among its peers. What a peer sends is worked on at once, as long as that is little; the rest goes
 * on in turns, a slice of each peer, and between two turns whatever else has come is heard.
 */
export class Slices {
  readonly #clockwork: Clockwork
  readonly #report: (error: unknown) => void
  /** Those that wait for the next turn, the first that came first. */
  readonly #waiting = new Set<Worker>()
  #isSet = false
  /** Whose packets were heard last, for how long, how many, and until when: as long as no other peer's are heard between. */
  #owner: unknown
  #usedMs = 0
  #packets = 0
  #endedAt = 0

  constructor(clockwork: Clockwork, report: (error: unknown) => void) {
    this.#clockwork = clockwork
    this.#report = report
  }

  /** Whether packets of this peer may be heard now. `used` is told of them. */
  mayGoOn(owner: unknown, now: number): boolean {
    if (this.#owner !== owner || now > this.#endedAt) this.#begin(owner)
    return this.#usedMs < SLICE_MS && this.#packets < SLICE_PACKETS
  }

  /** So many packets of the peer that was last allowed were heard between these moments. */
  used(packets: number, from: number, to: number): void {
    this.#usedMs += to - from
    this.#packets += packets
    this.#endedAt = to
  }

  /** Has it worked on in the next turn. */
  add(worker: Worker): void {
    this.#waiting.add(worker)
    this.#set()
  }

  delete(worker: Worker): void {
    this.#waiting.delete(worker)
  }

  #begin(owner: unknown): void {
    this.#owner = owner
    this.#usedMs = 0
    this.#packets = 0
  }

  #set(): void {
    if (this.#isSet || this.#waiting.size === 0) return
    this.#isSet = true
    this.#clockwork.runtime.after(0, this.#run)
  }

  readonly #run = (): void => {
    this.#isSet = false
    const until = this.#clockwork.now() + TURN_MS
    let slices = 0
    for (const worker of this.#waiting) {
      if (slices++ === TURN_SLICES || this.#clockwork.now() >= until) break
      this.#waiting.delete(worker)
      this.#begin(undefined)
      try {
        // Behind those that have waited for as long.
        if (worker.work()) this.#waiting.add(worker)
      } catch (error) {
        this.#report(error)
      }
    }
    this.#begin(undefined)
    this.#set()
  }
}
