import { allocatePacket, type Packet, sizeOf } from "../wire/batch.ts"
import { EverwireError, protocolError } from "../wire/errors.ts"
import { LAST_PART, PART } from "../wire/kinds.ts"
import { kindOf, readCount } from "../wire/packet.ts"
import type { Link } from "./link.ts"
import type { SessionSettings } from "./session-host.ts"

/** Over HTTP, where a separate ack costs an exchange, an ack waits for this many times as many packets and bytes. */
const EXCHANGE_ACKS = 4

/**
 * A packet in more than `MANY_PARTS` parts must have `MEAN_PART_BYTES` in each on average. An honest sender cuts larger
 * parts; only parts that were cut again may be smaller.
 */
const MANY_PARTS = 1_024
const MEAN_PART_BYTES = 64

/** How far packets were received, the parts of an incomplete one, and how much is not acknowledged yet. */
export class Inbox {
  /** Highest number delivered. */
  heard = 0
  /** How much of the next packet has been received, in units of `cutPacket`. */
  part = 0
  /** The received parts of that packet, without their kinds. */
  parts: Packet[] | undefined
  /** Packets received since the last ack was sent. */
  owedPackets = 0
  /** Bytes received since the last ack was sent. */
  owedBytes = 0

  /** Number of the next packet on the current link. Undefined until the other side has stated it. */
  #next: number | undefined
  /** How much of that packet came on this link, or was skipped because it was received before. */
  #from = 0

  /** Another link is current. */
  relink(): void {
    this.#next = undefined
    this.#from = 0
  }

  /**
   * The other side states which packet comes next on the link, and where in it.
   *
   * @throws EverwireError `protocol-error` on a gap
   */
  locate(position: string): void {
    const [number = 0, part = 0] = position.slice(1).split("+").map(readCount)
    if (number === 0 || number > this.heard + 1 || (number > this.heard && part > this.part)) {
      throw protocolError("a gap before a position")
    }
    this.#next = number
    this.#from = part
  }

  /**
   * Takes the next packet of the link, or a part of it; `part` is the kind of the part. Returns the packet if it is new
   * and complete.
   *
   * @throws EverwireError as `accept` and `join`
   */
  take(packet: Packet, part: string | undefined, maxBytes: number | undefined): Packet | undefined {
    const number = this.#next
    if (number === undefined) throw protocolError("a packet before its position")
    let whole: Packet | undefined = packet
    if (part) {
      whole = this.join(number, this.#from, packet, maxBytes)
      this.#from += sizeOf(packet) - 1
      if (part === PART) return undefined
    } else if (this.#from > 0) throw protocolError("a packet in another")
    this.#from = 0
    this.#next = number + 1
    return this.accept(number, sizeOf(packet)) ? whole : undefined
  }

  /**
   * Returns whether the packet of this number is new. An older one was delivered already and is dropped. It still
   * counts for the next ack, because a sender that repeats it has not received the last one.
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
   * Adds a part that begins at `from` to the packet of this number, and skips what was received before. Returns the
   * whole packet after its last part, else undefined.
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
    // `slice` copies bytes, so that a small part does not keep the memory of its whole batch.
    this.parts.push(part.slice(at))
    this.part += Math.max(0, sizeOf(part) - at)
    if (this.part > maxBytes) throw new EverwireError("too-large", "a packet that is larger than the welcome allowed")
    // Each part is an object, which takes more memory than a few bytes of payload.
    if (this.parts.length > MANY_PARTS && this.part < MEAN_PART_BYTES * this.parts.length) {
      throw protocolError("a packet in parts that are too small")
    }
    return isLast ? joinParts(this.parts, this.part) : undefined
  }

  /** Whether this share of what makes an ack due has been received. Where each ack costs an exchange, it takes more. */
  owes(share: number, { ackPackets, ackBytes }: SessionSettings, link: Link | undefined): boolean {
    const least = link?.exchanges ? share * EXCHANGE_ACKS : share
    return this.owedPackets >= least * ackPackets || this.owedBytes >= least * ackBytes
  }

  /** An ack was sent. */
  settle(): void {
    this.owedPackets = 0
    this.owedBytes = 0
  }
}

/** Joins parts. An honest sender sends all of them as text, or all as bytes. */
function joinParts(parts: readonly Packet[], bytes: number): Packet {
  if (typeof parts[0] === "string") return parts.join("")
  const packet = allocatePacket(bytes)
  let at = 0
  for (const part of parts as readonly Uint8Array[]) {
    packet.set(part, at) // `set` also accepts a text part, from a dishonest sender: it reads each character as a number
    at += part.length
  }
  return packet
}
