import type { Packet } from "../wire/batch.ts"
import { encodeMessage, headerOf } from "./message.ts"

/** What is to be sent as this message. It throws an EverwireError where that is not to be sent. */
type Check = (name: string, data: unknown) => unknown

/**
 * Encodes the messages of one hub. Most have the name of the one before, so that name, which is bounded, is kept with its
 * header: it is not checked again, and no text is made of it.
 */
export class MessageEncoder {
  readonly #maxPayloadBytes: number
  readonly #check: Check | undefined
  #name = ""
  #header = ""

  /** @param check Of the hub's contract, if that has schemas. */
  constructor(maxPayloadBytes: number, check?: Check) {
    this.#maxPayloadBytes = maxPayloadBytes
    this.#check = check
  }

  /** @throws EverwireError as {@link encodeMessage}, and as the check */
  encode(name: string, data: unknown): Packet {
    // "" is no name, and is checked too.
    if (name !== this.#name || this.#header === "") {
      this.#header = headerOf(name)
      this.#name = name
    }
    const checked = this.#check === undefined ? data : this.#check(name, data)
    return encodeMessage(name, checked, this.#maxPayloadBytes, this.#header)
  }
}
