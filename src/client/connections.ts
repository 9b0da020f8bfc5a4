import { PROBE_MS, VERDICT_MS } from "../kernel/defaults.ts"
import type { Runtime } from "../kernel/runtime.ts"
import type { Attempt } from "./attempt.ts"
import { areFew, askForSlot } from "./slot.ts"
import type { Standing } from "./standing.ts"

/** Stands among the broken transports while too many connections are held. */
const HELD = "held"
/** Locks need a few of these to be granted, and tabs to answer. In milliseconds. */
const SLOT_MS = 50
/** After a yield nothing is held for so long, in milliseconds: each trial could silence a tab again. */
const IN_DOUBT_MS = 120_000
/** A round trip counts up to this, because where requests wait for connections it seems long. In milliseconds. */
const MOST_ANSWER_MS = 1_000

interface ConnectionsHost {
  readonly runtime: Runtime
  readonly url: string
  readonly standing: Standing
}

/** Which links of this channel may hold one of the few connections of the browser, and when one is yielded to others. */
export class Connections {
  readonly #host: ConnectionsHost
  readonly #changed: () => void
  /** Gives the slot back. One is enough: of two links that would hold a connection, one is let go soon. */
  #slot: AbortController | undefined
  /** Whether it is there, or was when it was given back, and since when that is known. */
  #isTaken = true
  #knownAt = 0

  /** `changed`: a connection may be held that might not before, or one is held that should not be. */
  constructor(host: ConnectionsHost, changed: () => void) {
    this.#host = host
    this.#changed = changed
  }

  /** Whether links that would hold a connection are not dialed now, because others hold as many as there may be. */
  isCrowded(now: number): boolean {
    return this.#host.standing.brokenUntil(HELD, now) > 0 || (!this.#isTaken && now >= this.#knownAt)
  }

  /** When a connection may be held: 0 for now, later when that is not known yet, without an end when none is to be had. */
  freeAt(now: number): number {
    const { url, runtime } = this.#host
    if (!this.#slot) {
      this.#slot = new AbortController()
      this.#knownAt = areFew(url) ? now + SLOT_MS : 0
      this.#isTaken =
        !this.#knownAt ||
        askForSlot(url, runtime, this.#slot.signal, (isTaken) => {
          this.#isTaken = isTaken
          this.#knownAt = 0
          if (!isTaken) this.#slot?.abort() // it is asked for again in the next climb
          this.#changed()
        })
    }
    return this.isCrowded(now) ? Infinity : this.#knownAt
  }

  /** The climb is over. Where the link holds nothing, a slot is of use only to come later, for a better one. */
  settled({ rank, dialer }: Attempt): void {
    if (!dialer.holds && (rank === 0 || this.#isTaken || this.#slot?.signal.aborted)) this.leave()
  }

  leave(): void {
    this.#slot?.abort()
    this.#slot = undefined
  }

  /**
   * Where this link holds one of few connections, yields it after `leastMs` and some time for an answer, by `run`, unless
   * `cancelYield` is called before. The time is random: the first link that is yielded may be all that everybody waits for.
   */
  yieldAfter(attempt: Attempt, leastMs: number, rttMs: number, run: () => void): void {
    const { runtime, url, standing } = this.#host
    if (!attempt.dialer.holds || !areFew(url)) return
    const answerMs = Math.min(MOST_ANSWER_MS, Math.max(PROBE_MS, 4 * rttMs))
    attempt.cancelYield()
    attempt.cancelYield = runtime.after((leastMs + answerMs) * (1 + runtime.random()), () => {
      standing.condemn(HELD, runtime.now() - VERDICT_MS + IN_DOUBT_MS)
      run()
    })
  }
}
