import { PROBE_MS, VERDICT_MS } from "../kernel/defaults.ts"
import type { Runtime } from "../kernel/runtime.ts"
import type { Attempt } from "./attempt.ts"
import { areFew, Slot, type SlotHost } from "./slot.ts"
import type { Standing } from "./standing.ts"

/** Stands among the broken transports while too many connections are held. */
const HELD = "held connections"
/** A slot is waited for so long before it counts as taken by others. Web Locks need a few of these. In milliseconds. */
const SLOT_MS = 50
/** What is answered so soon after a link was yielded had waited for its connection. In milliseconds. */
const YIELDED_MS = 2_000
/** When the answer came later, nothing is held for so long, in milliseconds: each trial could silence all tabs. */
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
  readonly #slotHost: SlotHost
  /** Asked for, and not used yet. */
  #slot: Slot | undefined
  /** The link that was yielded last, until it is known whether that helped. */
  #yielded: Attempt | undefined
  #yieldedAt = 0
  /** How many yields did not help. */
  #vain = 0

  constructor(host: ConnectionsHost, slotHost: SlotHost) {
    this.#host = host
    this.#slotHost = slotHost
  }

  /** Whether links that would hold a connection are not dialed now, because others hold as many as there may be. */
  isCrowded(now: number): boolean {
    return (
      this.#yielded !== undefined ||
      this.#host.standing.brokenUntil(HELD, now) > 0 ||
      (this.#slot?.isTaken === false && now >= this.#slot.askedAt + SLOT_MS)
    )
  }

  /** When a connection may be held: 0 for now, later when that is not known yet, without an end when none is to be had. */
  freeAt(now: number): number {
    this.#slot ??= new Slot(this.#host.url, now, this.#slotHost)
    if (this.isCrowded(now)) return Number.POSITIVE_INFINITY
    return this.#slot.isTaken ? 0 : this.#slot.askedAt + SLOT_MS
  }

  /** The link of this attempt has the slot from now on, if it is there. */
  give(attempt: Attempt): void {
    if (!this.#slot?.isTaken) return
    attempt.slot = this.#slot
    this.#slot = undefined
  }

  /** The climb is over. `isWanted`: a slot that comes later would still be of use. */
  settled(isWanted: boolean): void {
    if (!isWanted || this.#slot?.isTaken) this.leave()
  }

  leave(): void {
    this.#slot?.leave()
    this.#slot = undefined
  }

  /**
   * Where this link holds one of few connections, calls `run` after `leastMs` and some time for an answer, unless
   * `cancelYield` is called before. The time is random: the first link that is yielded may be all that everybody waits for.
   */
  yieldAfter(attempt: Attempt, leastMs: number, rttMs: number, run: () => void): void {
    const { runtime, url } = this.#host
    if (!attempt.dialer.holds || !areFew(url)) return
    const answerMs = Math.min(MOST_ANSWER_MS, Math.max(PROBE_MS, 4 * rttMs))
    attempt.cancelYield()
    attempt.cancelYield = runtime.after((leastMs + answerMs) * (1 + runtime.random()) * 2 ** this.#vain, run)
  }

  /** What others are answered from now on tells whether this link's connection was what they waited for. */
  yielded(attempt: Attempt): void {
    this.#yielded = attempt
    this.#yieldedAt = this.#host.runtime.now()
  }

  wasYielded(attempt: Attempt): boolean {
    return attempt === this.#yielded
  }

  /** This link carries the talk. Returns the one that was yielded for it in vain, or whether that helped. */
  judge(attempt: Attempt): Attempt | boolean {
    const yielded = this.#yielded
    if (yielded === undefined) return false
    this.#yielded = undefined
    const now = this.#host.runtime.now()
    const { holds } = attempt.dialer
    const helped = !holds && now - this.#yieldedAt <= YIELDED_MS
    if (!holds) this.#host.standing.condemn(HELD, helped ? now : now - VERDICT_MS + IN_DOUBT_MS)
    if (helped) return true
    this.#vain = Math.min(this.#vain + 1, 2)
    return yielded
  }
}
