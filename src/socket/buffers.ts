/** Bytes of which `String(bytes)` is the text, as of Node's `Buffer`. */
class TextBytes extends Uint8Array<ArrayBuffer> {
  override toString(): string {
    return new TextDecoder().decode(this)
  }
}

/** What `ws` gives: on Node a `Buffer`; where there is none, bytes with the one method of it that libraries rely on. */
export function bufferOf(given: Uint8Array<ArrayBuffer> | string): Uint8Array<ArrayBuffer> {
  const bytes = typeof given === "string" ? new TextEncoder().encode(given) : given
  const { Buffer } = globalThis as {
    Buffer?: { from(buffer: ArrayBuffer, at: number, length: number): Uint8Array<ArrayBuffer> }
  }
  const { buffer, byteOffset, byteLength } = bytes
  return Buffer?.from(buffer, byteOffset, byteLength) ?? new TextBytes(buffer, byteOffset, byteLength)
}

/** Bytes as a text with one character for each, and back. */
export function binaryText(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => String.fromCharCode(byte)).join("")
}
export function fromBinaryText(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(text, (character) => character.charCodeAt(0))
}
