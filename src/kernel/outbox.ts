import { type Batch, decodeBatch, encodeBatch, type Packet, sizeOf } from "./codec.ts"
import { BATCH_BYTES, PACKET_OVERHEAD_BYTES } from "./defaults.ts"

/** Packets that went out together: kept as the batch that carried them, so that a session holds one piece where it said many. */
class Joined {
  readonly batch: Batch
  readonly count: number
  /** What they count for in an outbox. */
  readonly bytes: number

  constructor(packets: readonly Packet[]) {
    this.batch = encodeBatch(packets)
    this.count = packets.length
    this.bytes = packets.reduce((sum, packet) => sum + costOf(packet), 0)
  }
}

type Piece = Packet | Joined

/** What was joined last, and to what: after a burst of broadcasts one session after another has the same to join. */
let lastPackets: readonly Packet[] = []
let lastJoined = new Joined([])

/**
 * What was said and not yet acknowledged, and how much of it the current link has been handed. The nth packet ever pushed
 * is number n. It holds references: a broadcast costs one payload however many outboxes keep it.
 */
export class Outbox {
  /** Highest number ever said. */
  said = 0
  /** Highest number the other side has acknowledged. */
  acked = 0
  /** Number of the last packet handed to the current link. */
  cursor = 0
  /** Bytes held, with a fixed overhead per packet. */
  bytes = 0
  /** From the first packet that is not acknowledged on, behind `#head` slots that are free already. */
  #pieces: Piece[] = []
  /** Slots at the front of `#pieces` that were acknowledged and not yet cut off. */
  #head = 0
  /** Number of the packet before the first piece: below `acked` when that piece is acknowledged in part. */
  #base = 0
  /** The piece that holds the packet behind the cursor. */
  #next = 0
  /** Packets of that piece that the cursor has passed. */
  #passed = 0

  push(packet: Packet): void {
    this.#pieces.push(packet)
    this.bytes += costOf(packet)
    this.said++
  }

  /** Hands on what is behind the cursor, as a batch of no more than `BATCH_BYTES` unless one packet is larger. */
  next(): Batch {
    const piece = this.#pieces[this.#next]
    if (piece instanceof Joined) {
      const passed = this.#passed
      this.#passed = 0
      this.#next++
      this.cursor += piece.count - passed
      return passed === 0 ? piece.batch : encodeBatch(decodeBatch(piece.batch).slice(passed))
    }
    const end = this.#endOfBatch()
    this.cursor += end - this.#next
    if (piece !== undefined && end === this.#next + 1) {
      this.#next = end
      return typeof piece === "string" ? piece : encodeBatch([piece])
    }
    const joined = join(this.#pieces.slice(this.#next, end) as Packet[]) // none of them is joined
    this.#pieces.splice(this.#next++, joined.count, joined)
    return joined.batch
  }

  /** Moves the cursor behind the packet of this number, which is acknowledged or still here. */
  seek(number: number): void {
    let before = this.#base
    let index = this.#head
    for (; index < this.#pieces.length; index++) {
      const count = countOf(this.#pieces[index])
      if (before + count > number) break
      before += count
    }
    this.#next = index
    this.#passed = number - before
    this.cursor = number
  }

  /** Forgets everything up to this number. Older acks than the last are no news. */
  ack(number: number): void {
    this.acked = Math.min(this.said, Math.max(this.acked, number))
    for (; this.#head < this.#pieces.length; this.#head++) {
      const piece = this.#pieces[this.#head]
      if (piece === undefined || this.#base + countOf(piece) > this.acked) break
      this.#base += countOf(piece)
      this.bytes -= costOf(piece)
      this.#pieces[this.#head] = ""
    }
    if (this.cursor < this.acked) this.seek(this.acked)
    if (this.#head === this.#pieces.length || this.#head > 1024) {
      this.#pieces = this.#pieces.slice(this.#head)
      this.#next -= this.#head
      this.#head = 0
    }
  }

  /** Every packet that is not acknowledged, oldest first. */
  *unacknowledged(): Generator<Packet> {
    let number = this.#base
    for (let index = this.#head; index < this.#pieces.length; index++) {
      const piece = this.#pieces[index] ?? ""
      for (const packet of piece instanceof Joined ? decodeBatch(piece.batch) : [piece]) {
        if (++number > this.acked) yield packet
      }
    }
  }

  /** Where as many single packets behind the cursor end as fit into a batch. */
  #endOfBatch(): number {
    let end = this.#next
    for (let bytes = 0; bytes < BATCH_BYTES; end++) {
      const piece = this.#pieces[end]
      if (piece === undefined || piece instanceof Joined) break
      if (bytes > 0 && bytes + sizeOf(piece) > BATCH_BYTES) break
      bytes += sizeOf(piece) + 1
    }
    return end
  }
}

function join(packets: readonly Packet[]): Joined {
  if (packets.length !== lastPackets.length || packets.some((packet, index) => packet !== lastPackets[index])) {
    lastPackets = packets
    lastJoined = new Joined(packets)
  }
  return lastJoined
}

function countOf(piece: Piece | undefined): number {
  return piece instanceof Joined ? piece.count : 1
}

function costOf(piece: Piece): number {
  return piece instanceof Joined ? piece.bytes : sizeOf(piece) + PACKET_OVERHEAD_BYTES
}
