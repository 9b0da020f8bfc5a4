import type { SharedPackets } from "../../session/outbox.ts"
import { isWide, type Packet, sizeOf } from "../../wire/batch.ts"
import { BATCH_BYTES, PACKET_OVERHEAD_BYTES } from "../../wire/defaults.ts"
import { MESSAGE } from "../../wire/kinds.ts"
import { kindOf } from "../../wire/packet.ts"

/** Further memory of a binary packet, in bytes: a typed array and its buffer are several objects. */
const BYTES_OVERHEAD_BYTES = 256

/**
 * Finding out whether a text is wide makes the engine join its parts. So of texts shorter than this, only every 64th of
 * a list is checked, and its result holds for those after it. Most lists are acknowledged before that.
 */
export const SHORT_LENGTH = 512
const LOOK_EACH = 64

/** Packets in the order in which they were sent. All texts of a list are counted with the same bytes per character. */
export class PacketList implements SharedPackets {
  /** The packets; or one text with all of them, if they were sent as one batch. */
  held: Packet[] | string
  /** Memory of the whole list, in bytes. */
  bytes = 0
  readonly isWide: boolean
  /** How many runs of outboxes refer to this list, when the hub last counted. */
  holders = 0

  constructor(packet: Packet, wide: boolean) {
    // An array that begins with one item grows in more steps than an empty one, which suits only a large packet.
    const held: Packet[] = packet.length > SHORT_LENGTH ? [packet] : []
    if (held.length === 0) held.push(packet)
    this.held = held
    this.isWide = wide
    this.bytes = this.costOf(packet)
  }

  /** Memory of one packet, in bytes. */
  costOf(packet: Packet): number {
    if (typeof packet !== "string") return packet.length + BYTES_OVERHEAD_BYTES
    return (this.isWide ? 2 : 1) * packet.length + PACKET_OVERHEAD_BYTES
  }

  /** Memory of packets that are joined into one text, with a line feed between two of them. */
  costOfAll(batch: string, packets: number): number {
    return this.costOf(batch) + (packets - 1) * (PACKET_OVERHEAD_BYTES - (this.isWide ? 2 : 1))
  }

  packet(place: number): Packet {
    if (typeof this.held === "string") this.held = this.held.split("\n")
    return this.held[place] ?? ""
  }

  costAt(place: number): number {
    return this.costOf(this.packet(place))
  }

  isMessage(place: number): boolean {
    return kindOf(this.packet(place)) === MESSAGE
  }
}

/**
 * The most memory that one more packet takes, in bytes. One in a shared list is already counted there. The link may hold
 * one more copy of the packet, as UTF-8.
 */
export function mostBytesOf(packet: Packet, list: PacketList | undefined, link: unknown): number {
  const size = sizeOf(packet)
  const wide = size < SHORT_LENGTH || isWide(packet)
  const inLink = link === undefined ? 0 : wide ? 3 : 1
  return (inLink + (list ? 0 : wide ? 2 : 1)) * size + PACKET_OVERHEAD_BYTES
}

/**
 * Appends a packet to this list or begins a new one, and returns the list that has it. Lists are short, because one
 * packet that is still needed keeps the whole list alive. A large packet has a list to itself.
 */
export function append(packet: Packet, list: PacketList | undefined): PacketList {
  const wasWide = list?.isWide === true
  const isLookedAt = packet.length > SHORT_LENGTH || (list !== undefined && list.held.length % LOOK_EACH === 0)
  const wide = isLookedAt ? isWide(packet) : wasWide
  if (list !== undefined && typeof list.held !== "string" && (wasWide || !wide)) {
    const cost = list.costOf(packet)
    if (list.bytes + cost <= BATCH_BYTES) {
      list.held.push(packet)
      list.bytes += cost
      return list
    }
  }
  return new PacketList(packet, wide)
}

/** Packets in the order in which they were sent. Outboxes refer to parts of it, so that a broadcast is kept once. */
export class Log {
  #list: PacketList | undefined

  append(packet: Packet): PacketList {
    this.#list = append(packet, this.#list)
    return this.#list
  }
}
