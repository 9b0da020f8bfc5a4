import type { Clockwork } from "../../session/clockwork.ts"

/** How long one peer's packets may be handled without a look at other input, in milliseconds. */
const SLICE_MS = 2
/** Most packets of one slice. Also ends a slice when the clock does not move. */
const SLICE_PACKETS = 256
/** Most slices of one turn. */
const TURN_SLICES = 4
/** How long a turn of several peers may take before other work runs, in milliseconds. */
const TURN_MS = 4

/** A link with packets that wait. */
export interface Worker {
  /** Handles waiting packets until `mayGoOn` returns false. Returns whether the rest may go on in the next turn. */
  work(): boolean
}

/**
 * Divides the hub's time among its peers. A small amount of a peer's input is handled at once. The rest goes on in
 * turns with one slice for each peer, and between two turns the hub handles other input.
 */
export class Slices {
  readonly #clockwork: Clockwork
  readonly #report: (error: unknown) => void
  /** Links that wait for the next turn, oldest first. */
  readonly #waiting = new Set<Worker>()
  #isSet = false
  /**
   * The peer whose packets were handled last: for how long, how many, and until when. Reset when another peer's are
   * handled.
   */
  #owner: unknown
  #usedMs = 0
  #packets = 0
  #endedAt = 0

  constructor(clockwork: Clockwork, report: (error: unknown) => void) {
    this.#clockwork = clockwork
    this.#report = report
  }

  /** Whether packets of this peer may be handled now. The caller reports them to `used`. */
  mayGoOn(owner: unknown, now: number): boolean {
    if (this.#owner !== owner || now > this.#endedAt) this.#begin(owner)
    return this.#usedMs < SLICE_MS && this.#packets < SLICE_PACKETS
  }

  /** Counts packets of the last allowed peer that were handled between these two moments. */
  used(packets: number, from: number, to: number): void {
    this.#usedMs += to - from
    this.#packets += packets
    this.#endedAt = to
  }

  /** Adds a link to the next turn. */
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
        // Goes to the end, behind those that already wait.
        if (worker.work()) this.#waiting.add(worker)
      } catch (error) {
        this.#report(error)
      }
    }
    this.#begin(undefined)
    this.#set()
  }
}
