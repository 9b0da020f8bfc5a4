import { EverwireError } from "../../wire/errors.ts"

/** The first pieces of a body are kept without copying: most bodies have one or two. */
const KEPT_AS_THEY_ARE = 8
/**
 * Later pieces smaller than this are copied into shared arrays, because each array costs about 100 bytes besides its
 * content.
 */
const SMALL_BYTES = 1_024
const SHARED_BYTES = 4_096
/** After this many pieces they must have 16 bytes on average. Smaller ones cost the hub too much for what they hold. */
const CHECKED_PIECES = 256
export const LEAST_PIECE_BYTES = 16

/** The body of a request, in the pieces in which the network or the sender's chunks deliver it. */
export class Pieces {
  /** Bytes in all pieces together. */
  bytes = 0
  #count = 0
  readonly #chunks: Uint8Array[] = []
  /** The array that small pieces are copied into, and how much of it is used. It follows the last chunk. */
  #shared = new Uint8Array()
  #used = 0

  /** @throws EverwireError `protocol-error` if the body comes in many pieces of a few bytes */
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

  /** The whole body so far. */
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

  /** Makes a chunk of the used part of the shared array; the rest takes the next small pieces. */
  #closeShared(): void {
    if (this.#used === 0) return
    this.#chunks.push(this.#shared.subarray(0, this.#used))
    this.#shared = this.#shared.subarray(this.#used)
    this.#used = 0
  }
}
