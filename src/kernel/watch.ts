import { type Due, type Moments, nextDue, type PulseSettings, probePatience } from "./pulse.ts"
import type { Runtime } from "./runtime.ts"

const NEVER = Number.POSITIVE_INFINITY

/** Who is told when a deadline has passed. */
export interface WatchHost {
  due(due: Due): void
}

/**
 * Keeps the moments by which the current link is judged, and one alarm for the nearest deadline. An alarm is only ever
 * set earlier: when it rings too soon it looks again, so a busy link costs no timers.
 */
export class Watch {
  readonly #runtime: Runtime
  readonly #host: WatchHost
  #settings: PulseSettings
  readonly #moments: Moments = {
    spokeAt: 0,
    heardAt: 0,
    owedSince: NEVER,
    waitingSince: NEVER,
    probedAt: NEVER,
    probeMs: 0,
    rttMs: 0,
    doubts: 0,
  }
  /** When the last probe left, answered or not. */
  #probedLastAt = 0
  /** When the alarm rings; `NEVER` while no link is watched and none is set. */
  #alarmAt = NEVER
  #cancelAlarm: (() => void) | undefined
  /** Whether there is a link to watch. */
  #watching = false

  constructor(runtime: Runtime, settings: PulseSettings, host: WatchHost) {
    this.#runtime = runtime
    this.#settings = settings
    this.#host = host
  }

  get rttMs(): number {
    return this.#moments.rttMs
  }
  get heardAt(): number {
    return this.#moments.heardAt
  }
  get spokeAt(): number {
    return this.#moments.spokeAt
  }
  /** For how long no probe has left, in milliseconds. */
  unprobedFor(now: number): number {
    return now - this.#probedLastAt
  }
  /** Whether a probe is in flight. */
  get probing(): boolean {
    return this.#moments.probedAt < NEVER
  }
  /** For how long an ack has been owed, in milliseconds. */
  owedFor(now: number): number {
    return Math.max(0, now - this.#moments.owedSince)
  }
  /** How long a probe sent now may take, in milliseconds. */
  get probePatienceMs(): number {
    return probePatience(this.#moments)
  }

  configure(settings: PulseSettings): void {
    this.#settings = settings
    this.#arm()
  }

  /** A link is current from now on. `waiting`: something said is not acknowledged. */
  start(now: number, waiting: boolean): void {
    const m = this.#moments
    m.spokeAt = now
    m.heardAt = now
    m.probedAt = NEVER
    m.waitingSince = waiting ? now : NEVER
    this.#watching = true
    this.#arm()
  }

  /** There is no link any more. */
  stop(): void {
    this.#watching = false
    this.#moments.probedAt = NEVER
    this.#disarm()
  }

  spoke(now: number): void {
    this.#moments.spokeAt = now
  }

  heard(now: number): void {
    this.#moments.heardAt = now
  }

  /** An ack is owed. */
  owes(): void {
    if (this.#moments.owedSince < NEVER) return
    this.#moments.owedSince = this.#runtime.now()
    this.#arm()
  }

  /** The ack has gone out. */
  settled(): void {
    this.#moments.owedSince = NEVER
  }

  /** Something was said that is to be acknowledged. */
  waits(now: number): void {
    if (this.#moments.waitingSince < NEVER) return
    this.#moments.waitingSince = now
    this.#arm()
  }

  /** An ack told something new. `waiting`: there is more that is not acknowledged. */
  progressed(waiting: boolean): void {
    this.#moments.doubts = 0
    this.#moments.waitingSince = waiting ? this.#runtime.now() : NEVER
  }

  probed(now: number, limitMs: number): void {
    this.#moments.probedAt = now
    this.#moments.probeMs = limitMs
    this.#probedLastAt = now
    this.#arm()
  }

  /** The probe in flight was answered. */
  answered(): void {
    const m = this.#moments
    if (m.probedAt === NEVER) return
    const rttMs = this.#runtime.now() - m.probedAt
    m.rttMs = m.rttMs === 0 ? rttMs : (7 * m.rttMs + rttMs) / 8
    m.probedAt = NEVER
    if (m.waitingSince < NEVER) m.waitingSince = this.#runtime.now()
  }

  /** Arms the alarm for the nearest deadline, unless one rings earlier anyway and will look again. */
  #arm(): void {
    if (!this.#watching) return
    const { at } = nextDue(this.#moments, this.#settings)
    if (at >= this.#alarmAt) return
    this.#disarm()
    this.#alarmAt = at
    this.#cancelAlarm = this.#runtime.after(Math.max(0, at - this.#runtime.now()), () => this.#ring())
  }

  #disarm(): void {
    this.#cancelAlarm?.()
    this.#cancelAlarm = undefined
    this.#alarmAt = NEVER
  }

  /** Judged by the clock: after a sleep or in a throttled tab the first ring already concludes rightly. */
  #ring(): void {
    this.#disarm()
    const m = this.#moments
    const now = this.#runtime.now()
    const { at, due } = nextDue(m, this.#settings)
    if (at <= now) {
      if (due === "doubt") {
        m.doubts++
        m.heardAt = now
        m.probedAt = NEVER
        if (m.waitingSince < NEVER) m.waitingSince = now
      }
      this.#host.due(due)
    }
    this.#arm()
  }
}
