import { LATE_MS } from "../wire/defaults.ts"
import type { Alarm, Clockwork, Slot } from "./clockwork.ts"
import { type Due, type Moments, nextDue, type PulseSettings, probePatience } from "./pulse.ts"

const NEVER = Infinity
/** Two clocks drift apart by less than one part in this many. */
const DRIFT = 4_096
/** If a probe seems to have waited longer, the cause is more likely a machine that slept. In milliseconds. */
const LONGEST_LINE_MS = 2_500

/** The session, which the watch calls when a deadline has passed. */
export interface WatchHost {
  due(due: Due): void
}

/**
 * Keeps the times by which a session judges its current link, and one alarm for the nearest deadline. A set alarm is
 * only moved earlier, never later. If it rings too soon, it is set again, so traffic on a busy link sets no timers.
 */
export class Watch implements Alarm, Moments {
  readonly #clockwork: Clockwork
  readonly #host: WatchHost
  #settings: PulseSettings
  spokeAt = 0
  isFirst = false
  heardAt = 0
  owedSince = NEVER
  waitingSince = NEVER
  expects = false
  lineUntil = 0
  lineAt = 0
  movedAt = 0
  /** Whether a probe is in flight. */
  probing = false
  probeMs = 0
  rttMs = 0
  doubts = 0
  slot: Slot | undefined
  /**
   * The round trip as probes measured it, on this link or an earlier one. 0 before the first measurement. In
   * milliseconds.
   */
  #measuredMs = 0
  /** When the last probe was sent, whether answered or not. On a new link: when it began. */
  probedLastAt = 0
  /** Whether a late alarm has led to a probe instead of a doubt, and nothing has come since. */
  #isSpared = false
  /**
   * Whether the alarm was set by its own ring. In a hidden tab, browsers run such chained timers only once a minute.
   */
  #isChained = false
  /**
   * How far this clock was ahead of the other side's in the handshake of the next link, less what the two may have drifted
   * apart since the epoch. So at any later time they differ by no more than this and the drift until then.
   */
  #nextAheadMs: number | undefined
  /** The same on the current link: the least so far, when a probe came quickest. */
  #aheadMs: number | undefined
  /** Whether there is a link to watch. */
  #watching = false

  constructor(clockwork: Clockwork, settings: PulseSettings, host: WatchHost) {
    this.#clockwork = clockwork
    this.#settings = settings
    this.#host = host
  }

  get probedAt(): number {
    return this.probing ? this.probedLastAt : NEVER
  }
  /** Whether a probe was ever answered. */
  get isMeasured(): boolean {
    return this.#measuredMs > 0
  }
  /** How long the answer to a probe that is sent now may take, in milliseconds. */
  get probePatienceMs(): number {
    return probePatience(this)
  }

  configure(settings: PulseSettings): void {
    this.#settings = settings
    this.#arm()
  }

  /**
   * A new link is current, or the same one again. `waiting`: a packet is not acknowledged. `isFirst`: see
   * {@link Moments}. After a doubt the new link is probed soon even if no packet waits, because it may also go silent after its welcome, as the last one
   * did.
   */
  start(now: number, waiting: boolean, isFirst: boolean, isAgain?: boolean): void {
    this.isFirst = isFirst
    if (!isAgain) this.#aheadMs = undefined
    this.#aheadMs ??= this.#nextAheadMs
    this.#nextAheadMs = undefined
    this.spokeAt = now
    this.heardAt = now
    this.probing = false
    this.waitingSince = waiting || this.doubts > 0 ? now : NEVER
    this.lineUntil = 0
    this.doubts = Math.min(this.doubts, 1)
    this.probedLastAt = now
    this.#isSpared = false
    this.#watching = true
    this.#arm()
  }

  /** The session has no link any more. */
  stop(): void {
    this.#watching = false
    this.#clockwork.clear(this)
  }

  /** The dial took `rttMs` until the welcome. Until a probe is answered, a round trip is assumed to take as long. */
  dialed(rttMs: number): void {
    this.rttMs = Math.max(this.#measuredMs, rttMs)
  }

  /** The other side's clock showed this in the handshake of the next link, which was received at `at`. */
  clocked(clock: number | undefined, at: number): void {
    this.#nextAheadMs = clock === undefined ? undefined : at - clock - at / DRIFT
  }

  /**
   * Returns how long a probe waited in queues on its way, in milliseconds: how much longer than the quickest took. It was
   * sent when the other side's clock showed `clock`.
   */
  stoodMs(clock: number, now: number): number {
    const aheadMs = now - clock - now / DRIFT
    this.#aheadMs = Math.min(aheadMs, this.#aheadMs ?? aheadMs)
    const queueMs = Math.floor(aheadMs - this.#aheadMs)
    this.lineAt = now
    this.lineUntil = now + Math.min(queueMs, LONGEST_LINE_MS)
    return queueMs
  }

  heard(now: number): void {
    this.heardAt = now
    this.#isSpared = false
    if (!this.#isChained || this.slot === undefined) return
    this.#isChained = false
    this.#clockwork.set(this, this.slot.at)
  }

  /** Sets whether more data must come (see {@link Moments}). */
  expect(expects: boolean): void {
    if (expects === this.expects) return
    this.expects = expects
    this.#arm()
  }

  /** A packet was received that must be acknowledged. */
  owes(): void {
    if (this.owedSince < NEVER) return
    this.owedSince = this.#clockwork.now()
    this.#arm()
  }

  /** The ack was sent. */
  settled(): void {
    this.owedSince = NEVER
  }

  /** A packet was sent that must be acknowledged. */
  waits(now: number): void {
    if (this.waitingSince < NEVER) return
    this.waitingSince = now
    this.#arm()
  }

  /** An ack covered new packets, so no answer to a probe is needed. `waiting`: more packets are not acknowledged. */
  progressed(waiting: boolean): void {
    this.doubts = 0
    this.probing = false
    this.waitingSince = waiting ? this.#clockwork.now() : NEVER
  }

  probed(now: number, limitMs: number): void {
    this.probing = true
    this.probeMs = limitMs
    this.probedLastAt = now
    this.#arm()
  }

  /**
   * A probe was answered after `rttMs`. An answer that is quicker than the average replaces it at once, because a
   * slower dial or probe before may have been delayed by something else. `waiting`: a packet is still not acknowledged.
   */
  answered(rttMs: number, waiting: boolean): void {
    this.rttMs = this.#measuredMs = Math.min(rttMs, ((this.rttMs || rttMs) + rttMs) / 2)
    this.probing = false
    this.waitingSince = waiting ? this.#clockwork.now() : NEVER
  }

  /**
   * Checks the clock, because the timers of a tab may be throttled. If the alarm rings late, batches that arrived while
   * the machine slept or the process was blocked are still in the queue: so the link gets one probe before it is
   * doubted.
   */
  ring(): void {
    const now = this.#clockwork.now()
    let { at, due } = nextDue(this, this.#settings)
    if (at <= now) {
      if (due === "doubt") {
        this.heardAt = now
        this.probing = false
        if (now - at > LATE_MS && !this.#isSpared) {
          this.#isSpared = true
          due = "probe"
        } else {
          this.doubts++
          if (this.waitingSince < NEVER) this.waitingSince = now
        }
      }
      this.#host.due(due)
    }
    this.#arm()
    this.#isChained = true
  }

  /** Sets the alarm for the nearest deadline, unless it rings earlier anyway and will look again. */
  #arm(): void {
    if (!this.#watching) return
    const { at } = nextDue(this, this.#settings)
    if (at < (this.slot?.at ?? NEVER)) this.#clockwork.set(this, at)
  }
}
