/** Bytes as base64 (RFC 4648, section 4), for the one wire that carries text alone. */
export function toBase64(bytes: Uint8Array): string {
  let binary = ""
  // Chunks, because arguments are limited and a call per byte is slow.
  for (let at = 0; at < bytes.length; at += 8192) binary += String.fromCharCode(...bytes.subarray(at, at + 8192))
  return btoa(binary)
}

/** Inverse of {@link toBase64}. @throws DOMException on anything else. */
export function fromBase64(base64: string): Uint8Array {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0))
}
