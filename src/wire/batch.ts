import { protocolError } from "./errors.ts"

/** One encoded unit of the protocol: a line of text, or (a packet with a binary payload) bytes. */
export type Packet = string | Uint8Array

/**
 * What a Link carries at once: one or more packets. Text when every packet is text (packets are lines, joined by `\n`),
 * bytes otherwise (each packet behind a 4-byte big-endian header: its length, and in the top bit whether it is bytes).
 */
export type Batch = string | Uint8Array

const BYTES_FLAG = 0x8000_0000

/** Made when first needed, for polyfills come after the import; undefined where the platform has none. Neither keeps anything. */
let encoder: TextEncoder | undefined
let decoder: TextDecoder | undefined

/** UTF-8 bytes of a string (WHATWG Encoding). */
export function utf8(text: string): Uint8Array<ArrayBuffer> {
  try {
    encoder ??= new TextEncoder()
    return encoder.encode(text)
  } catch {
    // Jest's jsdom and older React Natives have none. Packets hold no half of a surrogate pair, for JSON escapes it.
    return fromBinary(unescape(encodeURIComponent(text)))
  }
}

/** Text of UTF-8 bytes. @throws EverwireError `protocol-error` on what is not UTF-8. */
export function text(bytes: Uint8Array): string {
  try {
    decoder ??= new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })
    return decoder.decode(bytes)
  } catch {
    // As above, or a polyfill that cannot be `fatal`, or no UTF-8: that is no URI component either (ECMA-262, 19.2.6.5).
    try {
      return decodeURIComponent(escape(toBinary(bytes)))
    } catch {
      throw protocolError("bytes that are not UTF-8")
    }
  }
}

/** Bytes as a binary string: a character of U+0000 to U+00FF for each. */
export function toBinary(bytes: Uint8Array): string {
  let binary = ""
  // Chunks, because arguments are limited and a call per byte is slow.
  for (let at = 0; at < bytes.length; at += 8192) binary += String.fromCharCode(...bytes.subarray(at, at + 8192))
  return binary
}

/** Inverse of {@link toBinary}. */
export function fromBinary(binary: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(binary.length)
  for (let at = 0; at < bytes.length; at++) bytes[at] = binary.charCodeAt(at)
  return bytes
}

/** A packet of bytes to be filled, behind its header: alone in a batch, it is not copied once more. */
export function allocatePacket(length: number): Uint8Array<ArrayBuffer> {
  const batch = new Uint8Array(4 + length)
  new DataView(batch.buffer).setUint32(0, length + BYTES_FLAG)
  return batch.subarray(4)
}

/** Joins packets to one batch. */
export function encodeBatch(packets: readonly Packet[]): Batch {
  const first = packets[0]
  if (packets.length === 1 && first) {
    if (isText(first)) return first
    // It fills its buffer but for a header: that of `allocatePacket`, or the one with which it came.
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

/** Splits a batch into its packets. @throws EverwireError `protocol-error` on bad lengths or bad UTF-8. */
export function decodeBatch(batch: Batch): Packet[] {
  if (typeof batch === "string") return batch.includes("\n") ? batch.split("\n") : [batch]
  // A plain view: what a platform's subclass (Node's Buffer) hands over must not reach the application as such.
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

/** Several batches as one, for wires that carry more than one at a time. */
export function joinBatches(batches: readonly Batch[]): Batch {
  return (
    (batches.length === 1 && batches[0]) || encodeBatch(batches.every(isText) ? batches : batches.flatMap(decodeBatch))
  )
}

function isText(piece: Packet | Batch): piece is string {
  return typeof piece === "string"
}

/** A unit above U+00FF: engines keep a text that has one in two bytes per unit, and any other text in one. */
const WIDE = /[^\0-\xff]/

/** Whether a text is kept in two bytes per unit. V8 knows without looking that a text of one byte per unit has no such unit. */
export function isWide(piece: Packet | Batch): boolean {
  return typeof piece === "string" && WIDE.test(piece)
}

/** Whether it is larger than so many bytes. Text counts as UTF-8, which has three bytes at most for each unit. */
export function isLarger(piece: Packet | Batch, maxBytes: number): boolean {
  const { length } = piece
  return length > maxBytes || (typeof piece === "string" && 3 * length > maxBytes && utf8(piece).length > maxBytes)
}

/** How much of a packet or a batch is handed on at once, and how far: in UTF-16 units of text, in bytes of bytes. */
export function sizeOf(piece: Packet | Batch): number {
  return piece.length
}
