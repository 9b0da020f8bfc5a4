import { protocolError } from "./errors.ts"

/** One encoded unit of the protocol: a line of text, or (a packet with a binary payload) bytes. */
export type Packet = string | Uint8Array

/**
 * What a Link carries at once: one or more packets. Text when every packet is text (packets are lines, joined by `\n`),
 * bytes otherwise (each packet behind a 4-byte big-endian header: its length, and in the top bit whether it is bytes).
 */
export type Batch = string | Uint8Array

const encoder = new TextEncoder()
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })
const BYTES_FLAG = 0x8000_0000
const HEADER_BYTES = 4

/** UTF-8 bytes of a string (WHATWG Encoding). */
export function utf8(text: string): Uint8Array<ArrayBuffer> {
  return encoder.encode(text)
}

/** Text of UTF-8 bytes. @throws EverwireError `protocol-error` on what is not UTF-8. */
export function text(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes)
  } catch {
    throw protocolError("bytes that are not UTF-8")
  }
}

/** A packet of bytes to be filled, with room before it: alone in its batch, it is not copied once more. */
export function allocatePacket(length: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(HEADER_BYTES + length).subarray(HEADER_BYTES)
}

/** Joins packets to one batch. */
export function encodeBatch(packets: readonly Packet[]): Batch {
  const [first] = packets
  if (packets.length === 1 && typeof first === "string") return first
  if (packets.every((packet) => typeof packet === "string")) return packets.join("\n")
  const parts = packets.map((packet) => (typeof packet === "string" ? utf8(packet) : packet))
  const bytes = parts.reduce((sum, part) => sum + HEADER_BYTES + part.length, 0)
  const { buffer, byteOffset } = parts[0] as Uint8Array // no batch is empty
  const isAlone = parts.length === 1 && byteOffset === HEADER_BYTES && buffer.byteLength === bytes
  const batch = isAlone ? new Uint8Array(buffer) : new Uint8Array(bytes)
  const view = new DataView(batch.buffer)
  let at = 0
  for (const [index, part] of parts.entries()) {
    view.setUint32(at, part.length + (typeof packets[index] === "string" ? 0 : BYTES_FLAG))
    at += HEADER_BYTES
    if (!isAlone) batch.set(part, at)
    at += part.length
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
    if (at + HEADER_BYTES > batch.length) throw protocolError("a batch that ends inside a header")
    const header = view.getUint32(at)
    const length = header % BYTES_FLAG
    at += HEADER_BYTES
    if (at + length > batch.length) throw protocolError("a packet longer than its batch")
    const part = bytes.subarray(at, at + length)
    packets.push(header >= BYTES_FLAG ? part : text(part))
    at += length
  }
  return packets
}

/** Several batches as one, for wires that carry more than one at a time. */
export function joinBatches(batches: readonly Batch[]): Batch {
  const [first] = batches
  if (batches.length === 1 && first !== undefined) return first
  if (batches.every((batch) => typeof batch === "string")) return batches.join("\n")
  return encodeBatch(batches.flatMap(decodeBatch))
}

/** How much a packet or a batch counts against a limit in bytes. Text counts its UTF-16 length. */
export function sizeOf(piece: Packet | Batch): number {
  return piece.length
}
