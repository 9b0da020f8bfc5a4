import { type Alarm, Clockwork, type Flushable, type Slot } from "../../session/clockwork.ts"
import type { Runtime } from "../../session/runtime.ts"
import { LATE_MS } from "../../wire/defaults.ts"

const NEVER = Number.POSITIVE_INFINITY

/** After a late timer, how long the hub handles input before it rings alarms, in milliseconds. */
const GRACE_MS = 250

/** Alarms that ring at the same time. */
class SharedSlot implements Slot {
  readonly at: number
  readonly alarms = new Set<Alarm>()
  readonly #wheel: Wheel

  constructor(at: number, wheel: Wheel) {
    this.at = at
    this.#wheel = wheel
  }

  clear(alarm: Alarm): void {
    if (this.alarms.delete(alarm) && this.alarms.size === 0) this.#wheel.emptied(this)
  }
}

/**
 * The clockwork for all sessions of a hub. One timer rings all alarms, and alarms of about the same time ring together.
 * One callback at the end of the tick flushes all sessions. So neither needs a closure for each session.
 */
export class Wheel extends Clockwork {
  /** How late an alarm may ring, as a fraction of its delay. */
  readonly #slack: number
  /** Slots by the time at which they ring. */
  readonly #slots = new Map<number, SharedSlot>()
  /** The time that the timer is set for: that of the earliest slot, or of an earlier one that was emptied since. */
  #timerAt = NEVER
  #cancelTimer: (() => void) | undefined
  /**
   * When the timer was expected to ring. Later than `#timerAt` if that time was past already when the timer was set.
   */
  #promisedAt = NEVER
  /** Whether the timer rang late, and input is handled first. */
  #isLate = false
  /** What is flushed at the end of this tick, in the order of the calls. The array is used again in the next tick. */
  readonly #flushing: (Flushable | undefined)[] = []
  /** Number of entries of `#flushing` that belong to this tick. */
  #asked = 0

  readonly #report: (error: unknown) => void

  /**
   * With `slack` 0 every alarm rings at its time. With 1/16, an alarm with a delay of 30 s rings up to 1.9 s later.
   * `report` gets what an alarm or a flush threw. It must not throw.
   */
  constructor(runtime: Runtime, slack: number, report = (error: unknown): void => runtime.report(error)) {
    super(runtime)
    this.#slack = slack
    this.#report = report
  }

  override set(alarm: Alarm, at: number): void {
    const now = this.now()
    const slotAt = this.#slotOf(at, Math.max(0, at - now) * this.#slack)
    const before = alarm.slot
    if (slotAt === before?.at) return
    let slot = this.#slots.get(slotAt)
    if (slot === undefined) {
      slot = new SharedSlot(slotAt, this)
      this.#slots.set(slotAt, slot)
      if (slotAt < this.#timerAt) this.#setTimer(slotAt, slotAt - now)
    }
    slot.alarms.add(alarm)
    alarm.slot = slot
    before?.clear(alarm)
  }

  /** Called by a slot that has no alarms left. */
  emptied(slot: SharedSlot): void {
    if (this.#slots.get(slot.at) === slot) this.#slots.delete(slot.at)
    if (this.#slots.size > 0) return
    this.#cancelTimer?.()
    this.#timerAt = NEVER
    this.#isLate = false
  }

  override flushSoon(flushable: Flushable): void {
    if (this.#asked === 0) this.runtime.soon(this.#endTick)
    this.#flushing[this.#asked++] = flushable
  }

  /** Rounds up to a multiple of a power of two, so that alarms with different delays meet in the same slots. */
  #slotOf(at: number, slackMs: number): number {
    if (slackMs < 1) return at
    const grainMs = 2 ** (31 - Math.clz32(slackMs))
    return Math.ceil(at / grainMs) * grainMs
  }

  readonly #endTick = (): void => {
    // A flush may add entries; they are flushed in the same loop.
    for (let next = 0; next < this.#asked; next++) {
      const flushable = this.#flushing[next]
      this.#flushing[next] = undefined
      try {
        flushable?.flushNow()
      } catch (error) {
        this.#report(error)
      }
    }
    this.#asked = 0
  }

  #setTimer(at: number, delayMs: number): void {
    this.#cancelTimer?.()
    this.#timerAt = at
    this.#promisedAt = this.now() + Math.max(0, delayMs)
    this.#cancelTimer = this.runtime.after(Math.max(0, delayMs), this.#ring)
  }

  readonly #ring = (): void => {
    const rungAt = this.#timerAt
    if (this.now() - this.#promisedAt > LATE_MS && !this.#isLate) {
      // This process was blocked. Read what peers have sent meanwhile before any of them counts as silent.
      this.#isLate = true
      this.#cancelTimer = this.runtime.after(GRACE_MS, this.#ring)
      return
    }
    this.#isLate = false
    const dueAt = Math.max(rungAt, this.now())
    this.#timerAt = NEVER
    const due = [...this.#slots.values()].filter(({ at }) => at <= dueAt).sort((one, other) => one.at - other.at)
    for (const slot of due) {
      if (this.#slots.get(slot.at) !== slot) continue // an alarm that rang before has emptied it
      this.#slots.delete(slot.at)
      // An alarm that rings may clear or set another one, which then leaves this set.
      for (const alarm of slot.alarms) {
        alarm.slot = undefined
        try {
          alarm.ring()
        } catch (error) {
          this.#report(error)
        }
      }
    }
    const next = Math.min(...this.#slots.keys())
    // At most `next - rungAt`: if the system's clock was set back meanwhile, `next - now()` would be too long.
    if (next < this.#timerAt) this.#setTimer(next, Math.min(next - this.now(), next - rungAt))
  }
}
