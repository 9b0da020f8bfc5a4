import { EXCHANGES_AT_ONCE } from "../../../wire/defaults.ts"
import { type Closing, closing } from "../../../wire/errors.ts"
import type { Batch } from "../../transport.ts"

/** Who hears the uploads. */
export interface UploadHearer {
  /** The welcome, or a bye, has been sent. */
  readonly isWelcomed: boolean
  /** The next upload in order brought this. */
  heard(batch: Batch): void
  /** This waits for an upload with a lower number. */
  kept(batch: Batch): void
  /** The channel has broken the order. */
  misused(why: Closing): void
}

/**
 * The uploads of one link, heard in the order of their numbers, each once. One that was heard before is a repetition. Of those
 * that a channel has in flight at once, one that comes before its turn is kept until then; one beyond them breaks the order.
 * Nobody has two in flight before the welcome, so a stranger cannot have any kept.
 */
export class Uploads {
  readonly #hearer: UploadHearer
  /** Number of the last upload that was heard. */
  #last = 0
  /** Uploads that came before one with a lower number, by their numbers. */
  #early: Map<number, Batch | undefined> | undefined

  constructor(hearer: UploadHearer) {
    this.#hearer = hearer
  }

  /** What came before its turn. */
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
