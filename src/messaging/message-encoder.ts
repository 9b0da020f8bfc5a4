import type { Packet } from "../wire/batch.ts"
import { encodeMessage, headerOf } from "./dispatch.ts"

/**
 * Encodes the messages of one hub. Most have the name of the one before, so that name, which is bounded, is kept with its
 * header: it is not checked again, and no text is made of it.
 */
export class MessageEncoder {
  readonly #maxPayloadBytes: number
  #name = ""
  #header = ""

  constructor(maxPayloadBytes: number) {
    this.#maxPayloadBytes = maxPayloadBytes
  }

  /** @throws EverwireError as {@link encodeMessage} */
  encode(name: string, data: unknown): Packet {
    // "" is no name, and is checked too.
    if (name !== this.#name || this.#header === "") {
      this.#header = headerOf(name)
      this.#name = name
    }
    return encodeMessage(name, data, this.#maxPayloadBytes, this.#header)
  }
}
