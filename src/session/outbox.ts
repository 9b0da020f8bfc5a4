import { type Batch, encodeBatch, type Packet, sizeOf } from "../wire/batch.ts"
import { BATCH_BYTES, PACKET_OVERHEAD_BYTES } from "../wire/defaults.ts"
import { cutPacket } from "../wire/fragment.ts"
import { CANCEL } from "../wire/kinds.ts"

/** Packets of a broadcast, kept once for all outboxes that contain them. */
export interface SharedPackets {
  /** The packets, or the text that carried all of them. */
  readonly held: readonly Packet[] | string
}

/**
 * The packets that were sent and are not acknowledged, and how far the current link has been handed them. The nth
 * packet ever pushed has number n.
 */
export interface Outbox {
  /** Number of the last packet that was pushed. */
  readonly said: number
  /** Highest number the other side has acknowledged. */
  readonly acked: number
  /** Highest number that was ever handed to any link. The other side cannot have heard the packets behind it. */
  sent: number
  /** Number of the last packet that the current link was handed completely. */
  readonly cursor: number
  /** How much of the next packet the link was handed, or the other side has already, in units of {@link cutPacket}. */
  readonly part: number
  /** Bytes of all packets here, with a fixed overhead for each. */
  readonly bytes: number
  /** `list` and `place`: for a broadcast, the shared list that already holds the packet, and its index there. */
  push(packet: Packet, list?: SharedPackets, place?: number): void
  /**
   * Returns the next batch and moves the cursor behind it. For a packet larger than `partBytes` that is its next part.
   * Else it is as many packets as fit into `batchBytes` and `BATCH_BYTES`, or one packet.
   */
  next(partBytes: number, batchBytes?: number): Batch
  /** Moves the cursor behind the packet of this number, or, with `part`, into the next one. */
  seek(number: number, part?: number): void
  /** Removes all packets up to this number. An ack that is older than the last one changes nothing. */
  ack(number: number): void
  /** Every packet that is not acknowledged, oldest first. */
  unacknowledged(): readonly Packet[]
  /**
   * Replaces each packet for which `isRefused` is true by one without effect, so that all others keep their numbers. A
   * packet that no request waits for may be given as `""`, where it would have to be decoded.
   */
  withdraw(isRefused: (packet: Packet, number: number) => boolean): void
}

/** A packet without effect: it cancels request 0, which never exists, because ids begin with 1. */
export const WITHDRAWN = `${CANCEL}0\t`

/**
 * Returns the part of a packet that begins at `from`, and where it ends (0: at the end). Undefined if the whole packet
 * fits.
 */
export function nextPart(packet: Packet, from: number, maxBytes: number): [batch: Batch, end: number] | undefined {
  const size = sizeOf(packet)
  if (from === 0 && size <= maxBytes) return undefined
  const part = cutPacket(packet, from, from + maxBytes)
  const end = from + sizeOf(part) - 1
  return [encodeBatch([part]), end < size ? end : 0]
}

/** The outbox of one session that shares nothing with others. */
export class ListOutbox implements Outbox {
  said = 0
  acked = 0
  sent = 0
  cursor = 0
  part = 0
  bytes = 0
  /** The packets with numbers above `acked`, in order. */
  readonly #packets: Packet[] = []

  push(packet: Packet): void {
    this.#packets.push(packet)
    this.said++
    this.bytes += costOf(packet)
  }

  next(partBytes: number, batchBytes = partBytes): Batch {
    const first = this.cursor - this.acked
    const part = nextPart(this.#packets[first] ?? "", this.part, partBytes)
    if (part !== undefined) {
      this.part = part[1]
      if (this.part === 0) this.cursor++
      return part[0]
    }
    let bytes = sizeOf(this.#packets[first] ?? "")
    while (++this.cursor < this.said) {
      bytes += sizeOf(this.#packets[this.cursor - this.acked] ?? "") + 1
      if (bytes > Math.min(batchBytes, BATCH_BYTES)) break
    }
    return encodeBatch(this.#packets.slice(first, this.cursor - this.acked))
  }

  seek(number: number, part = 0): void {
    this.cursor = number
    const packet = this.#packets[number - this.acked]
    this.part = packet !== undefined && part < sizeOf(packet) ? part : 0
  }

  ack(number: number): void {
    for (const packet of this.#packets.splice(0, Math.max(0, number - this.acked))) this.bytes -= costOf(packet)
    this.acked = Math.max(number, this.acked)
    if (this.cursor <= this.acked) this.seek(this.acked, this.cursor === this.acked ? this.part : 0)
  }

  unacknowledged(): readonly Packet[] {
    return this.#packets
  }

  withdraw(isRefused: (packet: Packet, number: number) => boolean): void {
    for (const [at, packet] of this.#packets.entries()) {
      if (!isRefused(packet, this.acked + at + 1)) continue
      this.#packets[at] = WITHDRAWN
      this.bytes += costOf(WITHDRAWN) - costOf(packet)
    }
  }
}

/** How many bytes a packet counts in an outbox. */
export function costOf(packet: Packet): number {
  return sizeOf(packet) + PACKET_OVERHEAD_BYTES
}
