import { PROBE_MS, VERDICT_MS } from "../kernel/defaults.ts"
import type { Runtime } from "../kernel/runtime.ts"
import type { Attempt } from "./attempt.ts"
import { areFew, Slot } from "./slot.ts"
import type { Standing } from "./standing.ts"

/** Stands among the broken transports while too many connections are held. */
const HELD = "held connections"
/** A slot is waited for so long before it counts as taken by others. Web Locks need a few of these. In milliseconds. */
const SLOT_MS = 50
/** What is answered so soon after a link was yielded had waited for its connection. In milliseconds. */
const YIELDED_MS = 2_000
/** After a yield nothing is held for so long, in milliseconds, whatever it told: each trial could silence all tabs. */
const IN_DOUBT_MS = 30_000
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
  readonly #slotTaken: () => void
  readonly #called: () => void
  /** One is enough: of two links that would hold a connection, one is let go soon. */
  #slot: Slot | undefined
  /** When a link was yielded last. */
  #yieldedAt = 0

  constructor(host: ConnectionsHost, slotTaken: () => void, called: () => void) {
    this.#host = host
    this.#slotTaken = slotTaken
    this.#called = called
  }

  /** Whether links that would hold a connection are not dialed now, because others hold as many as there may be. */
  isCrowded(now: number): boolean {
    return (
      this.#host.standing.brokenUntil(HELD, now) > 0 ||
      (this.#slot?.isTaken === false && now >= this.#slot.askedAt + SLOT_MS)
    )
  }

  /** When a connection may be held: 0 for now, later when that is not known yet, without an end when none is to be had. */
  freeAt(now: number): number {
    this.#slot ??= new Slot(this.#host.url, now, this.#slotTaken, this.#called)
    if (this.isCrowded(now)) return Infinity
    return this.#slot.isTaken ? 0 : this.#slot.askedAt + SLOT_MS
  }

  /** The climb is over. Where the link holds nothing, a slot is of use only to come later, for a better one. */
  settled({ rank, dialer }: Attempt): void {
    if (!dialer.holds && (rank === 0 || this.#slot?.isTaken)) this.leave()
  }

  /** A dial gets no answer. */
  call(): void {
    this.#slot?.call()
  }

  leave(): void {
    this.#slot?.leave()
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
      this.#yieldedAt = runtime.now()
      standing.condemn(HELD, this.#yieldedAt - VERDICT_MS + IN_DOUBT_MS)
      run()
    })
  }

  /** This link carries the talk, which tells whether the connection of the one that was yielded was waited for. */
  judge({ dialer }: Attempt): void {
    const { runtime, standing } = this.#host
    const now = runtime.now()
    if (!dialer.holds && now - this.#yieldedAt <= YIELDED_MS) standing.condemn(HELD, now)
  }
}
