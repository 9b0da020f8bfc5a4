import type { Runtime } from "./runtime.ts"

/** Who is to be called when a moment has come. Set for one moment at a time. */
export interface Alarm {
  /** With which others it rings, and when; undefined while it is not set. The clockwork's to write. */
  slot: Slot | undefined
  ring(): void
}

/** Who has something to send at the end of the tick. */
export interface Flushable {
  flushNow(): void
}

/** Alarms that ring together. */
export interface Slot {
  /** When they ring, in milliseconds of the clock. */
  readonly at: number
  readonly alarms: Set<Alarm>
  readonly cancel: () => void
}

/**
 * A seat's runtime as its sessions share it: alarms of about the same moment ring by one timer, and whatever a tick has
 * left to send is sent by one callback. Neither costs a closure per session.
 */
export class Clockwork {
  readonly runtime: Runtime
  /** How late an alarm may ring, as a part of its delay. */
  readonly #slack: number
  /** Alarms by the moment at which they ring. */
  readonly #slots = new Map<number, Slot>()
  /** Whom the end of this tick flushes, in the order in which they asked. Slots are used again from tick to tick. */
  readonly #flushing: (Flushable | undefined)[] = []
  /** How many have asked in this tick. */
  #asked = 0

  /** With `slack` 0 every alarm rings at its moment; with 1/16, one of 30 s up to 1.9 s later. */
  constructor(runtime: Runtime, slack = 0) {
    this.runtime = runtime
    this.#slack = slack
  }

  /** Milliseconds since the epoch. */
  now(): number {
    return this.runtime.now()
  }

  /** Sets an alarm, for another moment if it was set already. */
  set(alarm: Alarm, at: number): void {
    const delayMs = Math.max(0, at - this.now())
    const slotAt = this.#slotOf(at, delayMs * this.#slack)
    if (slotAt === alarm.slot?.at) return
    this.clear(alarm)
    let slot = this.#slots.get(slotAt)
    if (slot === undefined) {
      const cancel = this.runtime.after(delayMs + slotAt - at, () => this.#ring(slotAt))
      slot = { at: slotAt, alarms: new Set(), cancel }
      this.#slots.set(slotAt, slot)
    }
    slot.alarms.add(alarm)
    alarm.slot = slot
  }

  clear(alarm: Alarm): void {
    const { slot } = alarm
    if (slot === undefined) return
    alarm.slot = undefined
    slot.alarms.delete(alarm)
    if (slot.alarms.size > 0 || this.#slots.get(slot.at) !== slot) return
    slot.cancel()
    this.#slots.delete(slot.at)
  }

  /** Has it flushed at the end of the tick. Whoever asks twice is flushed twice. */
  flushSoon(flushable: Flushable): void {
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
