import { allocatePacket, type Packet, sizeOf } from "../wire/batch.ts"
import { EverwireError, protocolError } from "../wire/errors.ts"
import { LAST_PART } from "../wire/kinds.ts"
import { kindOf } from "../wire/packet.ts"

/** Where there are more parts than this, they are so large on average: honest ones are, but for those that were cut again. */
const MANY_PARTS = 1_024
const MEAN_PART_BYTES = 64

/** What was heard, and how much of it the other side has not been told yet. */
export class Inbox {
  /** Highest number delivered. */
  heard = 0
  /** How much has been heard of the packet behind it, in units of `cutPacket`. */
  part = 0
  /** Those parts, without their kinds. */
  parts: Packet[] | undefined
  /** Packets heard since the last ack went out. */
  owedPackets = 0
  /** Bytes heard since the last ack went out. */
  owedBytes = 0

  /**
   * Whether the packet of this number is news. Older ones were heard already and are dropped; they still are owed an ack,
   * because whoever repeats them has not heard ours.
   *
   * @throws EverwireError `protocol-error` on a gap: an ordered link cannot skip.
   */
  accept(number: number, bytes: number): boolean {
    if (number > this.heard + 1) throw protocolError(`a gap: ${number} after ${this.heard}`)
    this.owedPackets++
    this.owedBytes += bytes
    if (number <= this.heard) return false
    this.heard = number
    this.part = 0
    this.parts = undefined
    return true
  }

  /**
   * Hears a part of the packet of this number, which begins at `from`; what was heard of it before is left out. Returns
   * the packet with its last part.
   *
   * @throws EverwireError `protocol-error` on a gap, `too-large` when the parts are more than `maxBytes` together
   */
  join(number: number, from: number, part: Packet, maxBytes = Infinity): Packet | undefined {
    const isLast = kindOf(part) === LAST_PART
    if (!isLast) {
      this.owedPackets++
      this.owedBytes += sizeOf(part)
    }
    if (number <= this.heard) return undefined
    if (number > this.heard + 1 || from > this.part) throw protocolError("a gap before a part")
    const at = 1 + this.part - from
    this.parts ??= []
    // Of bytes a copy, so that a small part does not keep all that came with it.
    this.parts.push(part.slice(at))
    this.part += Math.max(0, sizeOf(part) - at)
    if (this.part > maxBytes) throw new EverwireError("too-large", "a packet that is larger than the welcome allowed")
    // Each part is kept as an object of its own, which costs more than a few bytes do.
    if (this.parts.length > MANY_PARTS && this.part < MEAN_PART_BYTES * this.parts.length) {
      throw protocolError("a packet in parts that are too small")
    }
    return isLast ? joinParts(this.parts, this.part) : undefined
  }

  /** An ack has gone out. */
  settle(): void {
    this.owedPackets = 0
    this.owedBytes = 0
  }
}

/** All are text or all are bytes, when their sender is honest. */
function joinParts(parts: readonly Packet[], bytes: number): Packet {
  if (typeof parts[0] === "string") return parts.join("")
  const packet = allocatePacket(bytes)
  let at = 0
  for (const part of parts as readonly Uint8Array[]) {
    packet.set(part, at) // of text it takes what are digits
    at += part.length
  }
  return packet
}
