import { protocolError } from "./errors.ts"

/** One unit of the protocol in its encoded form: a line of text, or bytes if its payload is bytes. */
export type Packet = string | Uint8Array

/**
 * What a link carries in one `send`: one or more packets. It is text if every packet is text: then the packets are
 * lines, joined by `\n`. Otherwise it is bytes: before each packet stands a 4-byte big-endian header with its length,
 * whose top bit tells that the packet is bytes and not text.
 */
export type Batch = string | Uint8Array

const BYTES_FLAG = 0x8000_0000

/**
 * Made when first needed, because a polyfill may be installed after this module was imported. Undefined on a platform
 * without them. Neither keeps state between calls.
 */
let encoder: TextEncoder | undefined
let decoder: TextDecoder | undefined

/** Returns the UTF-8 bytes of a string (WHATWG Encoding). */
export function utf8(text: string): Uint8Array<ArrayBuffer> {
  try {
    encoder ??= new TextEncoder()
    return encoder.encode(text)
  } catch {
    // Jest's jsdom and older versions of React Native have no TextEncoder. `encodeURIComponent` throws on half a
    // surrogate pair, but packets contain none, because JSON escapes it.
    return fromBinary(unescape(encodeURIComponent(text)))
  }
}

/** Returns the text of UTF-8 bytes. @throws EverwireError `protocol-error` if they are not UTF-8. */
export function text(bytes: Uint8Array): string {
  try {
    decoder ??= new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })
    return decoder.decode(bytes)
  } catch {
    // There is no TextDecoder, or it is a polyfill that does not know `fatal`, or the bytes are not UTF-8. In the last
    // case `decodeURIComponent` throws too (ECMA-262, 19.2.6.5).
    try {
      return decodeURIComponent(escape(toBinary(bytes)))
    } catch {
      throw protocolError("bytes that are not UTF-8")
    }
  }
}

/** Returns bytes as a binary string: one character of U+0000 to U+00FF for each byte. */
export function toBinary(bytes: Uint8Array): string {
  let binary = ""
  // In chunks, because the number of arguments is limited, and one call for each byte would be slow.
  for (let at = 0; at < bytes.length; at += 8192) binary += String.fromCharCode(...bytes.subarray(at, at + 8192))
  return binary
}

/** The inverse of {@link toBinary}. */
export function fromBinary(binary: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(binary.length)
  for (let at = 0; at < bytes.length; at++) bytes[at] = binary.charCodeAt(at)
  return bytes
}

/**
 * Allocates a packet of bytes for the caller to fill. The header of a batch stands before it in the same buffer, so a
 * batch of this packet alone needs no further copy.
 */
export function allocatePacket(length: number): Uint8Array<ArrayBuffer> {
  const batch = new Uint8Array(4 + length)
  new DataView(batch.buffer).setUint32(0, length + BYTES_FLAG)
  return batch.subarray(4)
}

/** Encodes packets as one batch. */
export function encodeBatch(packets: readonly Packet[]): Batch {
  const first = packets[0]
  if (packets.length === 1 && first) {
    if (isText(first)) return first
    // The packet fills its buffer but for a batch header before it, from `allocatePacket` or from the batch in which it
    // came.
    if (first.byteOffset === 4 && first.buffer.byteLength === 4 + first.length) return new Uint8Array(first.buffer)
  }
  if (packets.every(isText)) return packets.join("\n")
  const parts = packets.map((packet) => (isText(packet) ? utf8(packet) : packet))
  const batch = new Uint8Array(parts.reduce((sum, part) => sum + 4 + part.length, 0))
  const view = new DataView(batch.buffer)
  let at = 0
  for (const [index, part] of parts.entries()) {
    view.setUint32(at, part.length + (isText(packets[index] ?? "") ? 0 : BYTES_FLAG))
    batch.set(part, at + 4)
    at += 4 + part.length
  }
  return batch
}

/** Splits a batch into its packets. @throws EverwireError `protocol-error` on wrong lengths or bad UTF-8. */
export function decodeBatch(batch: Batch): Packet[] {
  if (typeof batch === "string") return batch.includes("\n") ? batch.split("\n") : [batch]
  // A plain `Uint8Array`: the application must not get a subclass of the platform, such as Node's Buffer.
  const bytes = new Uint8Array(batch.buffer, batch.byteOffset, batch.byteLength)
  const view = new DataView(batch.buffer, batch.byteOffset, batch.byteLength)
  const packets: Packet[] = []
  let at = 0
  while (at < batch.length) {
    if (at + 4 > batch.length) throw protocolError("a batch that is cut short")
    const header = view.getUint32(at)
    const length = header % BYTES_FLAG
    at += 4
    if (at + length > batch.length) throw protocolError("a batch that is cut short")
    const part = bytes.subarray(at, at + length)
    packets.push(header >= BYTES_FLAG ? part : text(part))
    at += length
  }
  return packets
}

/** Joins several batches to one, for a transport that can carry more than one at a time. */
export function joinBatches(batches: readonly Batch[]): Batch {
  return (
    (batches.length === 1 && batches[0]) || encodeBatch(batches.every(isText) ? batches : batches.flatMap(decodeBatch))
  )
}

function isText(piece: Packet | Batch): piece is string {
  return typeof piece === "string"
}

/**
 * Matches a character above U+00FF. Engines store a text with such a character in two bytes per UTF-16 unit, any other
 * in one.
 */
const WIDE = /[^\0-\xff]/

/**
 * Whether the engine stores a text in two bytes per UTF-16 unit. V8 answers `false` without a search if it stores one
 * byte per unit.
 */
export function isWide(piece: Packet | Batch): boolean {
  return typeof piece === "string" && WIDE.test(piece)
}

/**
 * Whether a packet or batch is larger than `maxBytes`. Text counts as UTF-8, which has at most three bytes per UTF-16
 * unit.
 */
export function isLarger(piece: Packet | Batch, maxBytes: number): boolean {
  const { length } = piece
  return length > maxBytes || (typeof piece === "string" && 3 * length > maxBytes && utf8(piece).length > maxBytes)
}

/** Returns the length of a packet or batch: UTF-16 units of a text, or bytes. Parts are counted in the same unit. */
export function sizeOf(piece: Packet | Batch): number {
  return piece.length
}
