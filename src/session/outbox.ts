import { type Batch, encodeBatch, type Packet, sizeOf } from "../wire/batch.ts"
import { BATCH_BYTES, PACKET_OVERHEAD_BYTES } from "../wire/defaults.ts"
import { cutPacket } from "../wire/fragment.ts"
import { CANCEL } from "../wire/kinds.ts"

/** Packets that several outboxes keep together, because the same was said to many. */
export interface SharedPackets {
  /** The packets, or the text that carried all of them. */
  readonly held: readonly Packet[] | string
}

/**
 * What was said and not yet acknowledged, and how much of it the current link has been handed. The nth packet ever pushed
 * is number n.
 */
export interface Outbox {
  /** Highest number ever said. */
  readonly said: number
  /** Highest number the other side has acknowledged. */
  readonly acked: number
  /** Highest number that was ever handed to any link: the other side has certainly not heard what lies beyond. */
  sent: number
  /** Number of the last packet handed to the current link whole. */
  readonly cursor: number
  /** How much of the packet behind it the link has been handed, or need not be: in units of {@link cutPacket}. */
  readonly part: number
  /** Bytes held, with a fixed overhead per packet. */
  readonly bytes: number
  /** `list` and `place`: for a broadcast, the shared list that already holds the packet, and its index there. */
  push(packet: Packet, list?: SharedPackets, place?: number): void
  /**
   * Hands on what is behind the cursor: of a packet larger than `partBytes` the next part, else as many packets as make a
   * batch of about `batchBytes` at most, and no more than `BATCH_BYTES` unless it is one packet.
   */
  next(partBytes: number, batchBytes?: number): Batch
  /** Moves the cursor behind the packet of this number, which is acknowledged or still here, or into the next one. */
  seek(number: number, part?: number): void
  /** Forgets everything up to this number, which was said. Older acks than the last are no news. */
  ack(number: number): void
  /** Every packet that is not acknowledged, oldest first. */
  unacknowledged(): Iterable<Packet>
  /** Puts a packet without effect in the place of each that is refused: all keep their numbers. */
  withdraw?(isRefused: (packet: Packet, number: number) => boolean): void
}

/** Cancels a request that is never made: ids begin with 1. */
const WITHDRAWN = `${CANCEL}0\t`

/** The next part of a packet behind a cursor; undefined when the packet fits whole and none of it has been handed on. */
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
  /** Those behind `acked`. */
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

  unacknowledged(): Iterable<Packet> {
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

/** What a packet counts in an outbox. */
function costOf(packet: Packet): number {
  return sizeOf(packet) + PACKET_OVERHEAD_BYTES
}
