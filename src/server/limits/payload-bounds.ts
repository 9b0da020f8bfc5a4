import { isLarger, type Packet } from "../../wire/batch.ts"
import type { Codec } from "../../wire/codec.ts"
import { MAX_HEADER_BYTES } from "../../wire/defaults.ts"
import { EverwireError } from "../../wire/errors.ts"
import { isNestedDeeper } from "./depth.ts"

/** How large and how deeply nested the payloads of channels may be. */
export interface PayloadBounds {
  readonly maxPayloadBytes: number
  /** Levels of arrays and objects. */
  readonly maxDepth: number
}

/**
 * Checks the payload of a packet before it is parsed.
 *
 * @param codec The codec of the session. Undefined: JSON.
 * @throws EverwireError `too-large` if the payload is larger or nested deeper than allowed
 */
export function checkPayload(packet: Packet, { maxPayloadBytes, maxDepth }: PayloadBounds, codec?: Codec): void {
  if (isLarger(packet, maxPayloadBytes + MAX_HEADER_BYTES)) {
    throw new EverwireError("too-large", "a payload that is larger than the welcome allowed")
  }
  // Other codecs than JSON check the depth when they decode.
  if (codec === undefined && isNestedDeeper(packet, maxDepth)) {
    throw new EverwireError("too-large", `a payload that is nested deeper than ${maxDepth} levels`)
  }
}
