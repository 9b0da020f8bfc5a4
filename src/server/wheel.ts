import { type Alarm, Clockwork, type Flushable, type Slot } from "../kernel/clockwork.ts"
import type { Runtime } from "../kernel/runtime.ts"

/** Alarms that ring together by one timer, which goes with the last of them. */
class SharedSlot implements Slot {
  readonly at: number
  readonly alarms = new Set<Alarm>()
  readonly #empty: () => void

  constructor(at: number, empty: () => void) {
    this.at = at
    this.#empty = empty
  }

  clear(alarm: Alarm): void {
    if (this.alarms.delete(alarm) && this.alarms.size === 0) this.#empty()
  }
}

/**
 * The clockwork of many sessions: alarms of about the same moment ring by one timer, and whatever a tick has left to send
 * is sent by one callback. Neither costs a closure per session.
 */
export class Wheel extends Clockwork {
  /** How late an alarm may ring, as a part of its delay. */
  readonly #slack: number
  /** By the moment at which they ring. */
  readonly #slots = new Map<number, SharedSlot>()
  /** Whom the end of this tick flushes, in the order in which they asked. Places are used again from tick to tick. */
  readonly #flushing: (Flushable | undefined)[] = []
  /** How many have asked in this tick. */
  #asked = 0

  /** With `slack` 0 every alarm rings at its moment; with 1/16, one of 30 s up to 1.9 s later. */
  constructor(runtime: Runtime, slack: number) {
    super(runtime)
    this.#slack = slack
  }

  override set(alarm: Alarm, at: number): void {
    const delayMs = Math.max(0, at - this.now())
    const slotAt = this.#slotOf(at, delayMs * this.#slack)
    if (slotAt === alarm.slot?.at) return
    this.clear(alarm)
    let slot = this.#slots.get(slotAt)
    if (slot === undefined) {
      const cancel = this.runtime.after(delayMs + slotAt - at, () => this.#ring(slotAt))
      slot = new SharedSlot(slotAt, () => {
        cancel()
        if (this.#slots.get(slotAt) === slot) this.#slots.delete(slotAt)
      })
      this.#slots.set(slotAt, slot)
    }
    slot.alarms.add(alarm)
    alarm.slot = slot
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
        this.runtime.report(error)
      }
    }
    this.#asked = 0
  }

  #ring(slotAt: number): void {
    const slot = this.#slots.get(slotAt)
    this.#slots.delete(slotAt)
    // One that rings may clear another, which leaves the set then, or set it anew.
    for (const alarm of slot?.alarms ?? []) {
      alarm.slot = undefined
      try {
        alarm.ring()
      } catch (error) {
        this.runtime.report(error)
      }
    }
  }
}
