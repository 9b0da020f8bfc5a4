import { EXCHANGES_AT_ONCE } from "../../../wire/defaults.ts"
import { type Closing, closing } from "../../../wire/errors.ts"
import type { Batch } from "../../transport.ts"

/** The mailbox that gets the uploads. */
export interface UploadHearer {
  /** Whether the welcome, or a bye, was sent. */
  readonly isWelcomed: boolean
  /** The packets of the next upload in order. */
  heard(batch: Batch): void
  /** This batch is kept until an upload with a lower number has come. */
  kept(batch: Batch): void
  /** The channel has broken the order. */
  misused(why: Closing): void
}

/**
 * Puts the uploads of one link in order, and drops repetitions. A channel has several uploads in flight at once. An
 * upload of those that comes too early is kept until its turn; one with a higher number is a protocol error. Before the
 * welcome a channel has only one upload in flight, so strangers cannot make the hub keep any.
 */
export class Uploads {
  readonly #hearer: UploadHearer
  /** Number of the last upload that was handled. */
  #last = 0
  /** Uploads that came too early, by number. */
  #early: Map<number, Batch | undefined> | undefined

  constructor(hearer: UploadHearer) {
    this.#hearer = hearer
  }

  /** Batches of uploads that came too early. */
  *waiting(): Generator<Batch> {
    for (const early of this.#early?.values() ?? []) if (early !== undefined) yield early
  }

  forget(): void {
    this.#early = undefined
  }

  hear(up: number, batch: Batch | undefined): void {
    if (up === this.#last + 1) {
      this.#hearNext(batch)
      while (this.#early?.has(this.#last + 1)) {
        const next = this.#early.get(this.#last + 1)
        this.#early.delete(this.#last + 1)
        this.#hearNext(next)
      }
    } else if (up > this.#last + (this.#hearer.isWelcomed ? EXCHANGES_AT_ONCE : 1)) {
      this.#hearer.misused(closing("protocol-error", `upload ${up} after ${this.#last}`))
    } else if (up > this.#last) {
      this.#early ??= new Map()
      if (this.#early.has(up)) return
      this.#early.set(up, batch)
      if (batch !== undefined) this.#hearer.kept(batch)
    }
  }

  #hearNext(batch: Batch | undefined): void {
    this.#last++
    if (batch !== undefined) this.#hearer.heard(batch)
  }
}
