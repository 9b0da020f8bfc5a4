import type { Runtime } from "./runtime.ts"

/** No moment at all. */
export const NEVER = Number.POSITIVE_INFINITY

/** Who is to be called when a moment has come. Set for one moment at a time. */
export interface Alarm {
  /** When it rings, in milliseconds of the clock; `NEVER` while it is not set. The clockwork's to write. */
  ringsAt: number
  ring(): void
}

/** Who has something to send at the end of the tick. */
export interface Flushable {
  flushNow(): void
}

interface Slot {
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
    if (slotAt === alarm.ringsAt) return
    this.clear(alarm)
    let slot = this.#slots.get(slotAt)
    if (slot === undefined) {
      const cancel = this.runtime.after(delayMs + slotAt - at, () => this.#ring(slotAt))
      slot = { alarms: new Set(), cancel }
      this.#slots.set(slotAt, slot)
    }
    slot.alarms.add(alarm)
    alarm.ringsAt = slotAt
  }

  clear(alarm: Alarm): void {
    const slot = this.#slots.get(alarm.ringsAt)
    if (slot?.alarms.delete(alarm) && slot.alarms.size === 0) {
      slot.cancel()
      this.#slots.delete(alarm.ringsAt)
    }
    alarm.ringsAt = NEVER
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
    for (const alarm of slot?.alarms ?? []) {
      // One that rings may clear another, or set it anew.
      if (alarm.ringsAt !== slotAt) continue
      alarm.ringsAt = NEVER
      try {
        alarm.ring()
      } catch (error) {
        this.runtime.report(error)
      }
    }
  }
}
