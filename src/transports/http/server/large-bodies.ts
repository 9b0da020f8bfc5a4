import { EXCHANGES_AT_ONCE } from "../../../wire/defaults.ts"
import { EverwireError } from "../../../wire/errors.ts"
import type { HttpExchange } from "../../transport.ts"

/** A smaller answer is in the network's hands as soon as it is given. */
export const LARGE_BYTES = 16_384
/** Large bodies of one link that are read at once: those of a channel, and as many that it has given up and sends again. */
const BODIES_AT_ONCE = 2 * EXCHANGES_AT_ONCE

/** What one link has of bodies and answers that are large. Made when it has one. */
export class LargeBodies {
  /** Bodies that are being read, and what they are going to hold together. */
  #reading = 0
  #readingBytes = 0
  /** Exchanges whose answers have not been taken by the network. */
  #unread: HttpExchange[] = []

  /** A body is going to be read, of so many bytes. @throws EverwireError `over-capacity` when there are more than a channel sends. */
  begin(bytes: number): void {
    if (this.#reading >= BODIES_AT_ONCE) throw new EverwireError("over-capacity", "too many bodies are sent at once")
    this.#reading++
    this.#readingBytes += bytes
  }

  /** It was read, or broke off. */
  end(bytes: number): void {
    this.#reading--
    this.#readingBytes -= bytes
  }

  /** This exchange was given a large answer. */
  answered(exchange: HttpExchange): void {
    this.#unread = this.#unread.filter(({ unsentBytes }) => unsentBytes)
    this.#unread.push(exchange)
  }

  /** What all of this keeps, in bytes. */
  get keptBytes(): number {
    return this.#unread.reduce((sum, { unsentBytes = 0 }) => sum + unsentBytes, this.#readingBytes)
  }

  /** Ends the connections of the answers that have not been taken. */
  cut(): void {
    for (const exchange of this.#unread) exchange.cut?.()
  }
}
