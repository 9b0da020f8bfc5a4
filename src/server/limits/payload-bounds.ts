import { isLarger, type Packet } from "../../wire/batch.ts"
import type { Codec } from "../../wire/codec.ts"
import { MAX_HEADER_BYTES } from "../../wire/defaults.ts"
import { EverwireError, protocolError } from "../../wire/errors.ts"
import { CANCEL, CREDIT } from "../../wire/kinds.ts"
import { kindOf } from "../../wire/packet.ts"
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
 * @throws EverwireError `too-large` if the payload is larger or nested deeper than allowed; `protocol-error` on bytes in a
 * packet of a kind that has none
 */
export function checkPayload(packet: Packet, { maxPayloadBytes, maxDepth }: PayloadBounds, codec?: Codec): void {
  if (isLarger(packet, maxPayloadBytes + MAX_HEADER_BYTES)) {
    throw new EverwireError("too-large", "a payload that is larger than the welcome allowed")
  }
  // One byte would be read as the digits of its number.
  if (typeof packet !== "string" && (kindOf(packet) === CREDIT || kindOf(packet) === CANCEL)) {
    throw protocolError("a cancel or a credit in bytes")
  }
  // Other codecs than JSON check the depth when they decode.
  if (codec === undefined && isNestedDeeper(packet, maxDepth)) {
    throw new EverwireError("too-large", `a payload that is nested deeper than ${maxDepth} levels`)
  }
}
