import type { Runtime } from "./runtime.ts"

/** Who is to be called when a moment has come. Set for one moment at a time. */
export interface Alarm {
  /** When it rings; undefined while it is not set. The clockwork's to write. */
  slot: Slot | undefined
  ring(): void
}

/** Where an alarm waits for its moment. */
export interface Slot {
  /** The moment, in milliseconds of the clock. */
  readonly at: number
  /** Takes an alarm out. */
  clear(alarm: Alarm): void
}

/** Who has something to send at the end of the tick. */
export interface Flushable {
  flushNow(): void
}

/** A runtime as sessions use it: with alarms that can be set anew, and the end of the tick. */
export class Clockwork {
  declare readonly runtime: Runtime

  constructor(runtime: Runtime) {
    this.runtime = runtime
  }

  /** Milliseconds since the epoch. */
  now(): number {
    return this.runtime.now()
  }

  /** Sets an alarm, for another moment if it was set already. */
  set(alarm: Alarm, at: number): void {
    this.clear(alarm)
    const ring = (): void => {
      alarm.slot = undefined
      alarm.ring()
    }
    alarm.slot = { at, clear: this.runtime.after(Math.max(0, at - this.now()), ring) }
  }

  clear(alarm: Alarm): void {
    alarm.slot?.clear(alarm)
    alarm.slot = undefined
  }

  /** Has it flushed at the end of the tick. Whoever asks twice is flushed twice. */
  flushSoon(flushable: Flushable): void {
    this.runtime.soon(() => flushable.flushNow())
  }
}
