import { type Packet, text } from "../../wire/batch.ts"
import { BATCH_BYTES, PACKET_OVERHEAD_BYTES } from "../../wire/defaults.ts"
import { CREDIT, MESSAGE, REQUEST } from "../../wire/kinds.ts"
import { kindOf } from "../../wire/packet.ts"

/** Room for the texts of one list, in bytes: one batch. */
const ROOM_BYTES = BATCH_BYTES
/** Memory of an empty list, in bytes: the room, and the objects around it. */
export const PACKED_BYTES = ROOM_BYTES + 512
/** Memory of where a packet ends, in bytes. The array of that grows in steps. */
const END_BYTES = 16
/** Most packets of one list. Of the shortest ones more would fit, but one that is still needed keeps the whole list alive. */
const MOST_PACKETS = BATCH_BYTES / PACKET_OVERHEAD_BYTES
/** Larger texts, in UTF-16 units, are not packed. Any other fits into an empty list: it has three bytes for each unit. */
const MOST_UNITS = 16_384
const LINE_FEED = 10

let encoder: TextEncoder | undefined

/**
 * Whether a packet may be packed. Requests, and the credit that makes an input begin, may not: they can be taken back,
 * and are then looked for by what they are.
 */
export function isPackable(packet: Packet): packet is string {
  if (typeof packet !== "string" || packet.length > MOST_UNITS || typeof TextEncoder === "undefined") return false
  const kind = kindOf(packet)
  return kind !== REQUEST && kind !== CREDIT
}

/**
 * Texts that one peer is sent and does not acknowledge soon, as UTF-8 outside of the engine's heap. The engine copies each
 * text that lives on twice, before it leaves it where it is. Where many peers take nothing, that was most of the hub's work.
 */
export class PackedList {
  /** See `PacketList`. */
  holders = 0
  /** The packets, with a line feed between two of them, as in a batch. */
  readonly #utf8 = new Uint8Array(ROOM_BYTES)
  /** Where each packet ends. */
  readonly #ends: number[] = []

  /** Memory of the whole list, in bytes. */
  get bytes(): number {
    return PACKED_BYTES + END_BYTES * this.#ends.length
  }

  /** How many packets there are. */
  get size(): number {
    return this.#ends.length
  }

  /** Whether a text of so many UTF-16 units fits for certain. */
  hasRoom(units: number): boolean {
    return this.#ends.length < MOST_PACKETS && this.#start(this.#ends.length) + 3 * units <= ROOM_BYTES
  }

  /** Appends a text for which there is room. */
  push(packet: string): void {
    const start = this.#start(this.#ends.length)
    if (start > 0) this.#utf8[start - 1] = LINE_FEED
    encoder ??= new TextEncoder()
    this.#ends.push(start + encoder.encodeInto(packet, this.#utf8.subarray(start)).written)
  }

  packet(place: number): string {
    return this.batch(place, place)
  }

  /** These packets and those between them. */
  batch(first: number, last: number): string {
    return text(this.#utf8.subarray(this.#start(first), this.#end(last)))
  }

  /** Size of such a batch in UTF-8, in bytes. */
  sizeOf(first: number, last: number): number {
    return this.#end(last) - this.#start(first)
  }

  /** What a packet counts in an outbox, in bytes. */
  costAt(place: number): number {
    return this.sizeOf(place, place) + PACKET_OVERHEAD_BYTES
  }

  isMessage(place: number): boolean {
    return this.#utf8[this.#start(place)] === MESSAGE.charCodeAt(0)
  }

  #start(place: number): number {
    return place === 0 ? 0 : this.#end(place - 1) + 1
  }

  #end(place: number): number {
    return this.#ends[place] ?? 0
  }
}
