import { type Batch, encodeBatch, type Packet, sizeOf } from "./codec.ts"
import { BATCH_BYTES, PACKET_OVERHEAD_BYTES } from "./defaults.ts"

/** Packets in the order in which they were said. Outboxes refer to parts of it, so that what is said to many is kept once. */
export class Log {
  list: Packet[] = []
  #bytes = 0

  /**
   * Takes a packet, and answers the list whose last it is. A list is short, because whoever needs one packet of it keeps
   * all of them alive; a large packet has one to itself.
   */
  append(packet: Packet): readonly Packet[] {
    if (this.#bytes + costOf(packet) > BATCH_BYTES) this.clear()
    this.#bytes += costOf(packet)
    this.list.push(packet)
    return this.list
  }

  /** Begins a new list. */
  clear(): void {
    this.list = []
    this.#bytes = 0
  }
}

/** Packets that were said one after another, of one list. */
class Run {
  /** The list, or the text that carried all of it: what left in one piece is held in one. */
  held: readonly Packet[] | string
  /** Number of the packet that is first in the list, whether it was said here or not. */
  readonly base: number
  /** Number of the last packet. */
  end = 0
  next: Run | undefined

  constructor(list: readonly Packet[], base: number) {
    this.held = list
    this.base = base
  }

  packet(number: number): Packet {
    if (typeof this.held === "string") this.held = this.held.split("\n")
    return this.held[number - this.base] ?? ""
  }
}

const NOTHING: readonly Packet[] = []

/** What was joined last, and to what: after a burst of broadcasts one session after another has the same to join. */
let lastPackets = NOTHING
let lastBatch: Batch = ""

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
  /** Holds the first packet that is not acknowledged, or is used up and the next one does. */
  #first = new Run(NOTHING, 0)
  #last = this.#first
  /** Holds the packet behind the cursor, or one after it does. */
  #current = this.#first
  /** What was said to this session alone. */
  readonly #log = new Log()

  /** `list` and `place`: where another log has the packet already. */
  push(packet: Packet, list = this.#log.append(packet), place = list.length - 1): void {
    const base = ++this.said - place
    const last = this.#last
    if (last.held !== list || last.base !== base) this.#last = last.next = new Run(list, base)
    this.#last.end = this.said
    this.bytes += costOf(packet)
  }

  /** Hands on what is behind the cursor, as a batch of no more than `BATCH_BYTES` unless one packet is larger. */
  next(): Batch {
    const packet = this.#peek()
    const run = this.#current
    const number = ++this.cursor
    if (number === this.said && typeof packet === "string") return packet
    const packets = [packet]
    for (let bytes = sizeOf(packet); this.cursor < this.said; this.cursor++) {
      const packet = this.#peek()
      bytes += sizeOf(packet) + 1
      if (bytes > BATCH_BYTES) break
      packets.push(packet)
    }
    const batch = join(packets)
    if (run.held === this.#log.list && run.base === number && run.end === this.cursor && typeof batch === "string") {
      run.held = batch
      this.#log.clear()
    }
    return batch
  }

  /** Moves the cursor behind the packet of this number, which is acknowledged or still here. */
  seek(number: number): void {
    this.cursor = number
    this.#current = this.#first
  }

  /** Forgets everything up to this number, which was said. Older acks than the last are no news. */
  ack(number: number): void {
    let run = this.#first
    while (this.acked < number) {
      if (this.acked === run.end && run.next) run = this.#first = run.next
      if (typeof run.held === "string" && run.end <= number) {
        // As for each of its packets: a line feed stands between two of them.
        this.bytes -= costOf(run.held) + (run.end - run.base) * (PACKET_OVERHEAD_BYTES - 1)
        this.acked = run.end
      } else this.bytes -= costOf(run.packet(++this.acked))
    }
    if (this.cursor <= this.acked) this.seek(this.acked)
    if (this.acked === this.said) {
      run.held = NOTHING
      this.#log.clear()
    }
  }

  /** Every packet that is not acknowledged, oldest first. */
  *unacknowledged(): Generator<Packet> {
    let run = this.#first
    for (let number = this.acked + 1; number <= this.said; number++) {
      while (number > run.end && run.next) run = run.next
      yield run.packet(number)
    }
  }

  /** The packet behind the cursor. */
  #peek(): Packet {
    while (this.cursor >= this.#current.end && this.#current.next) this.#current = this.#current.next
    return this.#current.packet(this.cursor + 1)
  }
}

function join(packets: readonly Packet[]): Batch {
  if (packets.length !== lastPackets.length || packets.some((packet, index) => packet !== lastPackets[index])) {
    lastPackets = packets
    lastBatch = encodeBatch(packets)
  }
  return lastBatch
}

function costOf(packet: Packet): number {
  return sizeOf(packet) + PACKET_OVERHEAD_BYTES
}
