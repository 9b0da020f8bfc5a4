import type { Alarm, Clockwork, Slot } from "../../session/clockwork.ts"
import { type Closing, closing } from "../../wire/errors.ts"

/** The slowest link takes far more. A client that reads slowly on purpose has to read all the time. */
const TAKE_PROGRESS_BYTES = 1_024

/** Why a link ends if its client does not read what was written to it. */
export const NOT_TAKEN = closing("timeout", "too little of what was sent was taken in time")

/** Whether a link ended for that reason. The code alone does not tell: a channel that gives up a dial uses the same. */
export function isNotTaken({ code, reason }: Closing): boolean {
  return code === NOT_TAKEN.code && reason === NOT_TAKEN.reason
}

/** Interval between checks, as a part of the deadline. A client is cut off at most this much too late. */
const LOOK = 1 / 9

/** A connection that is written to, with counts of what the client has taken. */
export interface Written {
  /** Bytes that were written and not taken yet. */
  pendingBytes(): number
  /** Bytes that were taken, counted from any fixed moment. */
  takenBytes(): number
}

/**
 * Watches whether a client reads what is written to it. A client that stops reading, or reads byte by byte, would make
 * the hub keep its data without limit. A slow client is allowed as long as it makes progress. Checks run only while
 * data waits.
 */
export class Taking implements Alarm {
  slot: Slot | undefined
  readonly #clockwork: Clockwork
  readonly #takeMs: number
  readonly #written: Written
  readonly #stalled: () => void
  /** How much had been taken at the last progress, and when that was. */
  #taken = 0
  #movedAt = 0

  constructor(clockwork: Clockwork, takeMs: number, written: Written, stalled: () => void) {
    this.#clockwork = clockwork
    this.#takeMs = takeMs
    this.#written = written
    this.#stalled = stalled
  }

  /** Data was written that may have to wait. */
  watch(): void {
    if (this.slot !== undefined || this.#written.pendingBytes() === 0) return
    this.#moved()
    this.#lookLater()
  }

  /** Ends the checks: nothing more is written, or the client is gone. */
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
