import { type Batch, encodeBatch, type Packet, sizeOf } from "../kernel/codec.ts"
import { BATCH_BYTES, PACKET_OVERHEAD_BYTES } from "../kernel/defaults.ts"
import { costOf, nextPart, type Outbox } from "../kernel/outbox.ts"

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

/** The outbox of a hub's session. It holds references: a broadcast costs one payload however many outboxes keep it. */
export class SharedOutbox implements Outbox {
  said = 0
  acked = 0
  cursor = 0
  part = 0
  bytes = 0
  /** Holds the first packet that is not acknowledged, or is used up and the next one does. */
  #first = new Run(NOTHING, 0)
  #last = this.#first
  /** Holds the packet behind the cursor, or one after it does. */
  #current = this.#first
  /** What was said to this session alone. */
  readonly #log = new Log()

  push(packet: Packet, list = this.#log.append(packet), place = list.length - 1): void {
    const base = ++this.said - place
    const last = this.#last
    if (last.held !== list || last.base !== base) this.#last = last.next = new Run(list, base)
    this.#last.end = this.said
    this.bytes += costOf(packet)
  }

  next(partBytes: number, batchBytes = partBytes): Batch {
    const packet = this.#peek()
    const part = nextPart(packet, this.part, partBytes)
    if (part !== undefined) {
      this.part = part[1]
      if (this.part === 0) this.cursor++
      return part[0]
    }
    const run = this.#current
    const number = ++this.cursor
    if (number === this.said && typeof packet === "string") return packet
    const packets = [packet]
    for (let bytes = sizeOf(packet); this.cursor < this.said; this.cursor++) {
      const packet = this.#peek()
      bytes += sizeOf(packet) + 1
      if (bytes > Math.min(batchBytes, BATCH_BYTES)) break
      packets.push(packet)
    }
    const batch = join(packets)
    if (run.held === this.#log.list && run.base === number && run.end === this.cursor && typeof batch === "string") {
      run.held = batch
      this.#log.clear()
    }
    return batch
  }

  seek(number: number, part = 0): void {
    this.cursor = number
    this.#current = this.#first
    this.part = part > 0 && number < this.said && part < sizeOf(this.#peek()) ? part : 0
  }

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
    if (this.cursor <= number) this.seek(number, this.cursor === number ? this.part : 0)
    if (this.acked === this.said) {
      run.held = NOTHING
      this.#log.clear()
    }
  }

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
