import type { Runtime } from "./runtime.ts"

/** An object that a clockwork calls at a set time. It can be set for one time only; setting it again replaces that. */
export interface Alarm {
  /** When it rings; undefined while it is not set. Only the clockwork writes this. */
  slot: Slot | undefined
  ring(): void
}

/** The place of a set alarm in its clockwork. */
export interface Slot {
  /** When the alarm rings, in milliseconds of the runtime's clock. */
  readonly at: number
  /** Cancels the alarm. */
  clear(alarm: Alarm): void
}

/** An object that has something to send at the end of the tick. */
export interface Flushable {
  flushNow(): void
}

/** The timers of a session, built on a runtime: alarms that can be set again, and a flush at the end of the tick. */
export class Clockwork {
  declare readonly runtime: Runtime

  constructor(runtime: Runtime) {
    this.runtime = runtime
  }

  /** Milliseconds since the epoch. */
  now(): number {
    return this.runtime.now()
  }

  /** Sets an alarm. If it was set already, the new time replaces the old one. */
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

  /** Calls `flushNow` at the end of the tick, once for each call of this method. */
  flushSoon(flushable: Flushable): void {
    this.runtime.soon(() => flushable.flushNow())
  }
}
