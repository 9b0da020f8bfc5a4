import { EverwireError } from "../../wire/errors.ts"

/** The first pieces of a body are kept as they came: most bodies have one or two. */
const KEPT_AS_THEY_ARE = 8
/** Behind those, smaller pieces are copied together: an array of bytes costs about 100 bytes beside its content. */
const SMALL_BYTES = 1_024
const SHARED_BYTES = 4_096
/** After so many pieces of a body they must hold 16 bytes on average: smaller ones cost the hub more than they bring. */
const CHECKED_PIECES = 256
export const LEAST_PIECE_BYTES = 16

/** The pieces in which the body of a request comes, as the network or the chunks of the sender divide it. */
export class Pieces {
  /** How much they hold together. */
  bytes = 0
  #count = 0
  readonly #chunks: Uint8Array[] = []
  /** What small pieces are copied into, and how much of it is used. It belongs behind the last chunk. */
  #shared = new Uint8Array()
  #used = 0

  /** @throws EverwireError `protocol-error` when a body comes in many pieces of a few bytes */
  add(piece: Uint8Array): void {
    this.bytes += piece.length
    if (++this.#count > CHECKED_PIECES && this.bytes < this.#count * LEAST_PIECE_BYTES) {
      throw new EverwireError("protocol-error", "the body comes in pieces of a few bytes")
    }
    if (this.#count <= KEPT_AS_THEY_ARE || piece.length >= SMALL_BYTES) {
      this.#closeShared()
      this.#chunks.push(piece)
      return
    }
    if (this.#used + piece.length > this.#shared.length) {
      this.#closeShared()
      this.#shared = new Uint8Array(SHARED_BYTES)
    }
    this.#shared.set(piece, this.#used)
    this.#used += piece.length
  }

  /** All of the body so far. */
  join(): Uint8Array {
    this.#closeShared()
    const [first] = this.#chunks
    if (this.#chunks.length === 1 && first !== undefined) return first
    const whole = new Uint8Array(this.bytes)
    let at = 0
    for (const chunk of this.#chunks) {
      whole.set(chunk, at)
      at += chunk.length
    }
    return whole
  }

  /** What is used of the shared array becomes a chunk; what is left of it takes the next small pieces. */
  #closeShared(): void {
    if (this.#used === 0) return
    this.#chunks.push(this.#shared.subarray(0, this.#used))
    this.#shared = this.#shared.subarray(this.#used)
    this.#used = 0
  }
}
