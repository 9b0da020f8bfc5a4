import { type Packet, sizeOf } from "./codec.ts"
import { PACKET_OVERHEAD_BYTES } from "./defaults.ts"

/**
 * What was said and not yet acknowledged. The nth packet ever pushed is number n. It holds references: a broadcast costs
 * one payload however many outboxes keep it.
 */
export class Outbox {
  /** Packets from number `acked + 1` on, behind `#head` slots that are free already. */
  #packets: Packet[] = []
  /** Slots at the front of `#packets` that were acknowledged and not yet cut off. */
  #head = 0
  /** Highest number the other side has acknowledged. */
  acked = 0
  /** Bytes held, with a fixed overhead per packet. */
  bytes = 0

  /** Highest number ever said. */
  get said(): number {
    return this.acked + this.#packets.length - this.#head
  }

  push(packet: Packet): void {
    this.#packets.push(packet)
    this.bytes += sizeOf(packet) + PACKET_OVERHEAD_BYTES
  }

  /** The packet of this number, if it is still here. */
  at(number: number): Packet | undefined {
    return number > this.acked ? this.#packets[this.#head + number - this.acked - 1] : undefined
  }

  /** Forgets everything up to this number. Older acks than the last are no news. */
  ack(number: number): void {
    while (this.acked < number && this.#head < this.#packets.length) {
      const packet = this.#packets[this.#head]
      if (packet !== undefined) this.bytes -= sizeOf(packet) + PACKET_OVERHEAD_BYTES
      this.#packets[this.#head++] = ""
      this.acked++
    }
    if (this.#head === this.#packets.length || this.#head > 1024) {
      this.#packets = this.#packets.slice(this.#head)
      this.#head = 0
    }
  }

  /** Everything from this number on, oldest first. */
  from(number: number): Packet[] {
    return this.#packets.slice(this.#head + Math.max(0, number - this.acked - 1))
  }
}
