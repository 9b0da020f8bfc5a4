import type { Link } from "../../session/link.ts"
import { type Batch, sizeOf } from "../../wire/batch.ts"
import type { Closing } from "../../wire/errors.ts"

/** Runs what it is given as soon as the store has the state that this tells of. */
type Hold = (run: () => void) => void

/**
 * A link of a session that is kept in the store. What is sent on it tells the channel of a state of the session: how much
 * it has heard, and what it says next. It waits until the store has that state, so that no other process can contradict it.
 */
export class HeldLink implements Link {
  readonly #link: Link
  readonly #hold: Hold
  /** What was sent and waits. */
  #bytes = 0
  #batches = 0

  constructor(link: Link, hold: Hold) {
    this.#link = link
    this.#hold = hold
  }

  get name(): string {
    return this.#link.name
  }
  get exchanges(): boolean | undefined {
    return this.#link.exchanges
  }
  get reached(): boolean | undefined {
    return this.#link.reached
  }
  get wasGivenUp(): boolean | undefined {
    return this.#link.wasGivenUp
  }
  get keptBytes(): number | undefined {
    return this.#link.keptBytes
  }
  get bufferedBytes(): number {
    return this.#link.bufferedBytes + this.#bytes
  }
  /** Each batch that waits will answer one of the requests that are open. */
  get asked(): number | undefined {
    const { asked } = this.#link
    return asked === undefined ? undefined : Math.max(0, asked - this.#batches)
  }

  send(batch: Batch): void {
    const bytes = sizeOf(batch)
    this.#bytes += bytes
    this.#batches++
    this.#hold(() => {
      this.#bytes -= bytes
      this.#batches--
      this.#link.send(batch)
    })
  }

  close(why: Closing): void {
    this.#hold(() => this.#link.close(why))
  }

  abandon(): void {
    this.#link.abandon?.()
  }
}
