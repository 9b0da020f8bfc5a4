import { decodePayload, encodePayload } from "./payload.ts"

/**
 * How the data of an application becomes a payload, and back. Both ends of a session use the same one. `codecLaws` of
 * `everwire/testing` says what it has to keep.
 */
export interface Codec {
  /** By this name the channel tells the hub which codec it uses: 1 to 32 of the characters `a-z`, `0-9`, `_`, `.` and `-`. */
  readonly name: string
  /**
   * Encodes data that is not `undefined`. A text is sent as its UTF-8 bytes. The bytes are copied before this is called
   * again, so a buffer may be used again.
   *
   * @throws on data that would not arrive as it is, best an EverwireError `payload-unsupported` that names the path. The
   * call that sends it throws the same.
   */
  encode(value: unknown): string | Uint8Array
  /**
   * The inverse of `encode`, for whatever the other side may send. The bytes are this call's alone, so the data may refer to them.
   *
   * @param maxDepth Most levels of values within values, by the hub's `limits.maxDepth`. Undefined on a channel.
   * @throws EverwireError `too-large` on data that is nested deeper; any other error on bytes that `encode` does not make
   */
  decode(bytes: Uint8Array, maxDepth?: number): unknown
}

/**
 * JSON (ECMA-404), which a channel without a `codec` uses. It encodes to text, which is sent as text; bytes alone are sent
 * as they are.
 */
export const json: Codec = { name: "json", encode: encodePayload, decode: decodePayload }
