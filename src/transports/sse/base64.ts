import { fromBinary, toBinary } from "../../wire/batch.ts"

/** Encodes bytes as base64 (RFC 4648, section 4). An EventSource carries only text. */
export function toBase64(bytes: Uint8Array): string {
  return btoa(toBinary(bytes))
}

/** Inverse of {@link toBase64}. @throws DOMException on anything else. */
export function fromBase64(base64: string): Uint8Array {
  return fromBinary(atob(base64))
}
