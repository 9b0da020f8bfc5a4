import { LATE_MS } from "../wire/defaults.ts"
import type { Alarm, Clockwork, Slot } from "./clockwork.ts"
import { type Due, type Moments, nextDue, type PulseSettings, probePatience } from "./pulse.ts"

const NEVER = Infinity

/** Who is told when a deadline has passed. */
export interface WatchHost {
  due(due: Due): void
}

/**
 * Keeps the moments by which the current link is judged, and one alarm for the nearest deadline. An alarm is only ever
 * set earlier: when it rings too soon it looks again, so a busy link costs no timers.
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
  /** `rttMs` as probes showed it, on this link or one before. */
  #measuredMs = 0
  /** When the last probe left, answered or not. */
  probedLastAt = 0
  /** Whether a silence that was noticed late has been forgiven, and nothing has come since. */
  #isSpared = false
  /** Whether the alarm was set by its own ring. Browsers let a chain of such timers ring once a minute in a hidden tab. */
  #isChained = false
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
  /** How long a probe sent now may take, in milliseconds. */
  get probePatienceMs(): number {
    return probePatience(this)
  }

  configure(settings: PulseSettings): void {
    this.#settings = settings
    this.#arm()
  }

  /**
   * A link is current from now on. `waiting`: something said is not acknowledged. `isFirst`: see {@link Moments}. After a
   * doubt it is asked soon, whether anything waits or not: what was mute behind its welcome may be so again.
   */
  start(now: number, waiting: boolean, isFirst: boolean): void {
    this.isFirst = isFirst
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

  /** There is no link any more. */
  stop(): void {
    this.#watching = false
    this.probing = false
    this.#clockwork.clear(this)
  }

  /** The link took so long to be welcomed: until a probe was answered on it, a round trip may take as long. */
  dialed(rttMs: number): void {
    this.rttMs = Math.max(this.#measuredMs, rttMs)
  }

  heard(now: number): void {
    this.heardAt = now
    this.#isSpared = false
    if (!this.#isChained || this.slot === undefined) return
    this.#isChained = false
    this.#clockwork.set(this, this.slot.at)
  }

  /** Whether something must come. */
  expect(expects: boolean): void {
    if (expects === this.expects) return
    this.expects = expects
    this.#arm()
  }

  /** An ack is owed. */
  owes(): void {
    if (this.owedSince < NEVER) return
    this.owedSince = this.#clockwork.now()
    this.#arm()
  }

  /** The ack has gone out. */
  settled(): void {
    this.owedSince = NEVER
  }

  /** Something was said that is to be acknowledged. */
  waits(now: number): void {
    if (this.waitingSince < NEVER) return
    this.waitingSince = now
    this.#arm()
  }

  /** An ack told something new, so a probe in flight need not. `waiting`: there is more that is not acknowledged. */
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

  /** The last probe was answered. `waiting`: something said is still not acknowledged. */
  answered(waiting: boolean): void {
    this.took(this.#clockwork.now() - this.probedLastAt, waiting)
  }

  /**
   * A probe was answered after so long. A quick answer counts in full: what took longer before, a dial or another probe, may
   * have been held up.
   */
  took(rttMs: number, waiting: boolean): void {
    this.rttMs = this.#measuredMs = Math.min(rttMs, ((this.rttMs || rttMs) + rttMs) / 2)
    this.probing = false
    this.waitingSince = waiting ? this.#clockwork.now() : NEVER
  }

  /**
   * Judged by the clock, because a tab may be throttled. But what has come in a sleep, or while this side was held up, waits
   * behind a late ring: the link is asked once more before it is doubted.
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
