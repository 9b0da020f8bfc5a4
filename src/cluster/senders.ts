import type { Clockwork } from "../session/clockwork.ts"

/** A sender of which nothing came for so long is forgotten, in milliseconds. It is far longer than a message takes. */
const FORGET_MS = 600_000
/** A message reaches two processes no farther apart than this, in milliseconds, even if one stood still meanwhile. */
export const REACHED_MS = 600_000
/** So many senders may be known before those of long ago are looked for. */
const LOOK_EACH = 256

interface Sender {
  /** Number of its last message. */
  number: number
  heardAt: number
}

/** Tells messages that were heard before: one to several rooms comes once for each of their topics. */
export class Senders {
  readonly #clockwork: Clockwork
  readonly #senders = new Map<string, Sender>()

  constructor(clockwork: Clockwork) {
    this.#clockwork = clockwork
  }

  /**
   * Whether no message of this number or a higher one was heard of this sender. A sender publishes in the order of its
   * numbers, and the backplane keeps that order: so what comes later with a lower number is a copy.
   */
  isNew(from: string, number: number): boolean {
    const now = this.#clockwork.now()
    const sender = this.#senders.get(from)
    if (sender === undefined) {
      if (this.#senders.size % LOOK_EACH === LOOK_EACH - 1) this.#forget(now)
      this.#senders.set(from, { number, heardAt: now })
      return true
    }
    sender.heardAt = now
    if (number <= sender.number) return false
    sender.number = number
    return true
  }

  /** Number of the last message of this sender; 0 if nothing came of it. */
  lastOf(from: string): number {
    return this.#senders.get(from)?.number ?? 0
  }

  /** Those of which something came so lately that it may still be on its way to other processes, with its number. */
  *recent(): Generator<readonly [sender: string, number: number]> {
    const now = this.#clockwork.now()
    for (const [from, { number, heardAt }] of this.#senders) if (now - heardAt <= REACHED_MS) yield [from, number]
  }

  #forget(now: number): void {
    for (const [from, { heardAt }] of this.#senders) if (now - heardAt > FORGET_MS) this.#senders.delete(from)
  }
}
