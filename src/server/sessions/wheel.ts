import { type Alarm, Clockwork, type Flushable, type Slot } from "../../session/clockwork.ts"
import type { Runtime } from "../../session/runtime.ts"
import { LATE_MS } from "../../wire/defaults.ts"

const NEVER = Number.POSITIVE_INFINITY

/** How long input goes first when the timer has rung late. */
const GRACE_MS = 250

/** Alarms that ring together. */
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
 * The clockwork of many sessions: all alarms by one timer, those of about the same moment together, and whatever a tick
 * has left to send by one callback. Neither costs a closure per session.
 */
export class Wheel extends Clockwork {
  /** How late an alarm may ring, as a part of its delay. */
  readonly #slack: number
  /** By the moment at which they ring. */
  readonly #slots = new Map<number, SharedSlot>()
  /** For when the timer is set: for the earliest slot, or for an earlier one that has been emptied meanwhile. */
  #timerAt = NEVER
  #cancelTimer: (() => void) | undefined
  /** When the timer was to ring as the clock went when it was set: later than `#timerAt` where that was past already. */
  #promisedAt = NEVER
  /** Whether the timer has rung late, and input goes first. */
  #isLate = false
  /** Whom the end of this tick flushes, in the order in which they asked. Places are used again from tick to tick. */
  readonly #flushing: (Flushable | undefined)[] = []
  /** How many have asked in this tick. */
  #asked = 0

  readonly #report: (error: unknown) => void

  /**
   * With `slack` 0 every alarm rings at its moment; with 1/16, one of 30 s up to 1.9 s later. `report` is given what an alarm
   * or a flush threw, and does not throw.
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

  /** For the slots: one has no alarm any more. */
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

  /** Whole multiples of a power of two, so that alarms of different delays meet in the same slots. */
  #slotOf(at: number, slackMs: number): number {
    if (slackMs < 1) return at
    const grainMs = 2 ** (31 - Math.clz32(slackMs))
    return Math.ceil(at / grainMs) * grainMs
  }

  readonly #endTick = (): void => {
    // Those who ask meanwhile are flushed in the same go.
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
      // This process was held up. What peers have sent meanwhile is read before any of them is found silent.
      this.#isLate = true
      this.#cancelTimer = this.runtime.after(GRACE_MS, this.#ring)
      return
    }
    this.#isLate = false
    const dueAt = Math.max(rungAt, this.now())
    this.#timerAt = NEVER
    const due = [...this.#slots.values()].filter(({ at }) => at <= dueAt).sort((one, other) => one.at - other.at)
    for (const slot of due) {
      if (this.#slots.get(slot.at) !== slot) continue // emptied by one that has rung
      this.#slots.delete(slot.at)
      // One that rings may clear another, which leaves the set then, or set it anew.
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
    // Never longer than between the two moments: the system's clock may have been put back.
    if (next < this.#timerAt) this.#setTimer(next, Math.min(next - this.now(), next - rungAt))
  }
}
