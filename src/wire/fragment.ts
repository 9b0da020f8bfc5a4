import { allocatePacket, type Packet, sizeOf } from "./batch.ts"
import { isNumbered, isPart, LAST_PART, PART } from "./kinds.ts"
import { kindOf } from "./packet.ts"

/**
 * A part of a large packet, as a packet of its own: a part when more follows, a last part when it ends the packet. The parts of a
 * packet, each without its first character, joined are the packet.
 *
 * `from` and `to` count UTF-16 units of a text packet and bytes of a packet of bytes. A part of text never ends between
 * the two halves of a surrogate pair: half a pair does not survive UTF-8 (WHATWG Encoding, section 8.1.1). So the part may
 * be one unit shorter than asked for. `isOpen`: more follows even behind the end.
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
 * Cuts a packet in two that mean the same one after the other, the first of at most `bytes`, which are 3 or more. Parts can
 * be cut again. Undefined when it cannot be cut, because it is not numbered, and when it is small enough.
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
