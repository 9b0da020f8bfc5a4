import { allocatePacket, type Packet, sizeOf } from "./batch.ts"
import { isNumbered, isPart, LAST_PART, PART } from "./kinds.ts"
import { kindOf } from "./packet.ts"

/**
 * Returns a part of a large packet, as a packet: of kind `PART` if more parts follow, of kind `LAST_PART` if it ends
 * the packet. The parts of a packet, joined without their first characters, are the packet again.
 *
 * `from` and `to` count UTF-16 units of a text packet, or bytes. `isOpen`: more parts follow even if this one reaches
 * the end of `packet`. A part of text never ends between the two halves of a surrogate pair, because half a pair does
 * not survive UTF-8 (WHATWG Encoding, section 8.1.1). So the part may be one unit shorter than `to` demands.
 */
export function cutPacket(packet: Packet, from: number, to: number, isOpen = false): Packet {
  if (typeof packet === "string") {
    const end = to < packet.length && isHighSurrogate(packet.charCodeAt(to - 1)) ? to - 1 : to
    return (isOpen || end < packet.length ? PART : LAST_PART) + packet.slice(from, end)
  }
  const part = allocatePacket(1 + Math.min(to, packet.length) - from)
  part[0] = (isOpen || to < packet.length ? PART : LAST_PART).charCodeAt(0)
  part.set(packet.subarray(from, to), 1)
  return part
}

/**
 * Cuts a packet into two packets that mean the same as the one. The first has at most `bytes`, which must be 3 or more.
 * A part can be cut again. Returns undefined if the packet is small enough, or if it cannot be cut because it is not
 * numbered.
 */
export function splitPacket(packet: Packet, bytes: number): [Packet, Packet] | undefined {
  const kind = kindOf(packet)
  const isCut = isPart(kind)
  if (sizeOf(packet) <= bytes || !(isCut || isNumbered(kind))) return undefined
  const whole = isCut ? packet.slice(1) : packet
  const first = cutPacket(whole, 0, bytes - 1)
  return [first, cutPacket(whole, sizeOf(first) - 1, sizeOf(whole), kind === PART)]
}

function isHighSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit < 0xdc00
}
