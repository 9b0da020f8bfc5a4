import type { Alarm, Clockwork, Slot } from "../../session/clockwork.ts"
import { TAKE_PROGRESS_BYTES } from "../../wire/defaults.ts"
import { type Closing, closing } from "../../wire/errors.ts"

/** Why a link ends whose other end does not take what is written to it. */
export const NOT_TAKEN = closing("timeout", "too little of what was sent was taken in time")

/** Whether a link ended for that. A channel that gives up a dial ends its link with the same code. */
export function isNotTaken({ code, reason }: Closing): boolean {
  return code === NOT_TAKEN.code && reason === NOT_TAKEN.reason
}

/** How often it is looked, as a part of the deadline: so much later than that a client is cut off at most. */
const LOOK = 1 / 9

/** What is written to, as far as it can tell what has been taken. */
export interface Written {
  /** What was written and is not taken yet, in bytes. */
  pendingBytes(): number
  /** What has been taken, since whatever moment. */
  takenBytes(): number
}

/**
 * Whether what is written to a client is taken by it: a client that stops reading, or reads by the byte, would have the
 * hub hold what it was sent for as long as it likes. Slow is not dead, so what counts is that it moves. It is looked only
 * while something waits.
 */
export class Taking implements Alarm {
  slot: Slot | undefined
  readonly #clockwork: Clockwork
  readonly #takeMs: number
  readonly #written: Written
  readonly #stalled: () => void
  /** How much had been taken when it moved last, and when that was. */
  #taken = 0
  #movedAt = 0

  constructor(clockwork: Clockwork, takeMs: number, written: Written, stalled: () => void) {
    this.#clockwork = clockwork
    this.#takeMs = takeMs
    this.#written = written
    this.#stalled = stalled
  }

  /** Something was written that may have to wait. */
  watch(): void {
    if (this.slot !== undefined || this.#written.pendingBytes() === 0) return
    this.#moved()
    this.#lookLater()
  }

  /** Nothing is written any more, or nobody is there to take it. */
  stop(): void {
    this.#clockwork.clear(this)
  }

  ring(): void {
    if (this.#written.pendingBytes() === 0) return
    if (this.#written.takenBytes() - this.#taken >= TAKE_PROGRESS_BYTES) this.#moved()
    else if (this.#clockwork.now() - this.#movedAt >= this.#takeMs) return this.#stalled()
    this.#lookLater()
  }

  #moved(): void {
    this.#taken = this.#written.takenBytes()
    this.#movedAt = this.#clockwork.now()
  }

  #lookLater(): void {
    this.#clockwork.set(this, this.#clockwork.now() + this.#takeMs * LOOK)
  }
}
