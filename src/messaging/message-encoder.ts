import type { Packet } from "../wire/batch.ts"
import type { Codec } from "../wire/codec.ts"
import { encodeMessage, headerOf, type PayloadHost } from "./message.ts"

/**
 * Encodes the messages of one hub by one codec. Most have the name of the one before, so that name, which is bounded, is
 * kept with its header: it is not checked again, and no text is made of it.
 */
export class MessageEncoder implements PayloadHost {
  readonly codec: Codec | undefined
  readonly #maxPayloadBytes: number
  #name = ""
  #header = ""

  /** @param codec Undefined: JSON. */
  constructor(codec: Codec | undefined, maxPayloadBytes: number) {
    this.codec = codec
    this.#maxPayloadBytes = maxPayloadBytes
  }

  maxPayloadBytes(): number {
    return this.#maxPayloadBytes
  }

  /** @throws EverwireError as {@link encodeMessage} */
  encode(name: string, data: unknown): Packet {
    // "" is no name, and is checked too.
    if (name !== this.#name || this.#header === "") {
      this.#header = headerOf(name)
      this.#name = name
    }
    return encodeMessage(name, data, this, this.#header)
  }
}
