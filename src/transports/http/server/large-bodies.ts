import { EXCHANGES_AT_ONCE } from "../../../wire/defaults.ts"
import { EverwireError } from "../../../wire/errors.ts"
import type { HttpExchange } from "../../transport.ts"

/** Only answers of at least this many bytes are watched. Smaller ones fit into the system's buffers at once. */
export const LARGE_BYTES = 16_384
/** Most large bodies of one link that are read at once: those of a channel, and their repetitions after a timeout. */
const BODIES_AT_ONCE = 2 * EXCHANGES_AT_ONCE

/** The large bodies and answers of one link. Made for the first of them. */
export class LargeBodies {
  /** Number of bodies that are being read, and their expected length together, in bytes. */
  #reading = 0
  #readingBytes = 0
  /** Exchanges whose answers the network may not have taken yet. */
  #unread: HttpExchange[] = []

  /**
   * A body of this length will be read. @throws EverwireError `over-capacity` if there are more than a channel sends
   */
  begin(bytes: number): void {
    if (this.#reading >= BODIES_AT_ONCE) throw new EverwireError("over-capacity", "too many bodies are sent at once")
    this.#reading++
    this.#readingBytes += bytes
  }

  /** The body was read, or broke off. */
  end(bytes: number): void {
    this.#reading--
    this.#readingBytes -= bytes
  }

  /** The exchange got a large answer. */
  answered(exchange: HttpExchange): void {
    this.#unread = this.#unread.filter(({ unsentBytes }) => unsentBytes)
    this.#unread.push(exchange)
  }

  /** Bytes that the bodies and answers keep. */
  get keptBytes(): number {
    return this.#unread.reduce((sum, { unsentBytes = 0 }) => sum + unsentBytes, this.#readingBytes)
  }

  /** Closes the connections of answers that the network has not taken. */
  cut(): void {
    for (const exchange of this.#unread) exchange.cut?.()
  }
}
