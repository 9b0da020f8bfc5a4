import { nextPart, type Outbox, type SharedPackets } from "../../session/outbox.ts"
import { type Batch, encodeBatch, isWide, type Packet, sizeOf } from "../../wire/batch.ts"
import { BATCH_BYTES, PACKET_OVERHEAD_BYTES } from "../../wire/defaults.ts"

/** What a run costs beside its packets: the run, its list, and the list's array. */
export const RUN_OVERHEAD_BYTES = 192
/** What a packet of bytes costs beside these: a typed array and its buffer are several objects. */
const BYTES_OVERHEAD_BYTES = 256

/**
 * To look at a text costs what it takes to join its parts. So of shorter texts than this only each so many-th of a list is
 * looked at, and tells of those behind it: most lists of most peers are acknowledged before there are so many.
 */
export const SHORT_LENGTH = 512
const LOOK_EACH = 64

/** Packets that were said one after another. All texts of a list are counted with the same bytes per unit. */
export class PacketList implements SharedPackets {
  /** The packets, or the text that carried all of them: what left in one piece is held in one. */
  held: Packet[] | string
  /** What all of it costs, in bytes of memory. */
  bytes = 0
  readonly isWide: boolean
  /** How many runs of outboxes keep it, as the hub has counted last. */
  holders = 0

  constructor(packet: Packet, wide: boolean) {
    // An array that begins with one item grows in more steps than one that begins empty: right for a large packet alone.
    const held: Packet[] = packet.length > SHORT_LENGTH ? [packet] : []
    if (held.length === 0) held.push(packet)
    this.held = held
    this.isWide = wide
    this.bytes = this.costOf(packet)
  }

  /** What one of its packets costs in memory. */
  costOf(packet: Packet): number {
    if (typeof packet !== "string") return packet.length + BYTES_OVERHEAD_BYTES
    return (this.isWide ? 2 : 1) * packet.length + PACKET_OVERHEAD_BYTES
  }

  /** What its packets cost whose text this is, joined: a line feed stands between two of them. */
  costOfAll(batch: string, packets: number): number {
    return this.costOf(batch) + (packets - 1) * (PACKET_OVERHEAD_BYTES - (this.isWide ? 2 : 1))
  }

  packet(place: number): Packet {
    if (typeof this.held === "string") this.held = this.held.split("\n")
    return this.held[place] ?? ""
  }
}

/**
 * Puts a packet behind the last of this list, or begins another, and answers the one whose last it is now. A list is short,
 * because whoever needs one packet of it keeps all of them alive; a large packet has one to itself.
 */
function append(packet: Packet, list: PacketList | undefined): PacketList {
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

/** Packets in the order in which they were said. Outboxes refer to parts of it, so that what is said to many is kept once. */
export class Log {
  #list: PacketList | undefined

  append(packet: Packet): PacketList {
    this.#list = append(packet, this.#list)
    return this.#list
  }
}

/** Packets that were said one after another, of one list. */
class Run {
  /** Undefined in the run that an outbox begins with, and when all of it is acknowledged. */
  list: PacketList | undefined
  /** Number of the packet that is first in the list, whether it was said here or not. */
  readonly base: number
  /** Number of the last packet. */
  end = 0
  next: Run | undefined

  constructor(list: PacketList | undefined, base: number) {
    this.list = list
    this.base = base
  }

  packet(number: number): Packet {
    return this.list?.packet(number - this.base) ?? ""
  }
}

/** What every outbox begins with: most peers of some hubs are never told anything. */
const NO_RUN = new Run(undefined, 0)

const NOTHING: readonly Packet[] = []

/**
 * What was joined last for a session of a hub, and to what: after a burst of broadcasts one session after another has the same
 * to join. It keeps one batch, so at most `BATCH_BYTES`, and the packets that were joined to it, which are as large together.
 */
export class LastJoined {
  #packets = NOTHING
  #batch: Batch = ""

  of(packets: readonly Packet[]): Batch {
    // One alone needs no joining, and may be of any size.
    if (packets.length === 1) return encodeBatch(packets)
    if (packets.length !== this.#packets.length || packets.some((packet, index) => packet !== this.#packets[index])) {
      this.#packets = packets
      this.#batch = encodeBatch(packets)
    }
    return this.#batch
  }
}

/** The outbox of a hub's session. It holds references: a broadcast costs one payload however many outboxes keep it. */
export class SharedOutbox implements Outbox {
  said = 0
  acked = 0
  sent = 0
  cursor = 0
  part = 0
  bytes = 0
  /** Holds the first packet that is not acknowledged, or is used up and the next one does. */
  #first = NO_RUN
  #last = this.#first
  /** Holds the packet behind the cursor, or one after it does. */
  #current = this.#first
  /** What was said last to this session alone: the next such packet goes behind it. */
  #own: PacketList | undefined
  readonly #joined: LastJoined

  /** `joined`: that of the hub, so that sessions which were told the same share what they hand to their links. */
  constructor(joined: LastJoined) {
    this.#joined = joined
  }

  push(packet: Packet, shared?: PacketList, at?: number): void {
    const list = shared ?? append(packet, this.#own)
    if (shared === undefined) this.#own = list
    const place = at ?? list.held.length - 1
    const base = ++this.said - place
    const last = this.#last
    if (last === NO_RUN) this.#first = this.#current = this.#last = new Run(list, base)
    else if (last.list !== list || last.base !== base) this.#last = last.next = new Run(list, base)
    this.#last.end = this.said
    this.bytes += list.costOf(packet)
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
    const batch = this.#joined.of(packets)
    const { list } = run
    // All of its own list, which no other run refers to.
    const isWhole = list !== undefined && list === this.#own && list.held.length === packets.length
    if (isWhole && run.base === number && run.end === this.cursor && typeof batch === "string") {
      list.held = batch
      this.#own = undefined
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
      const { list } = run
      if (list === undefined) break
      if (typeof list.held === "string" && run.end <= number && this.acked < run.base) {
        this.bytes -= list.costOfAll(list.held, run.end - run.base + 1)
        this.acked = run.end
      } else this.bytes -= list.costOf(run.packet(++this.acked))
    }
    if (this.cursor <= number) this.seek(number, this.cursor === number ? this.part : 0)
    if (this.acked === this.said) {
      if (run !== NO_RUN) run.list = undefined
      this.#own = undefined
    }
  }

  *unacknowledged(): Generator<Packet> {
    let run = this.#first
    for (let number = this.acked + 1; number <= this.said; number++) {
      while (number > run.end && run.next) run = run.next
      yield run.packet(number)
    }
  }

  /** Lets go of all that it holds. The numbers stay. */
  clear(): void {
    this.#first = this.#last = this.#current = NO_RUN
    this.#own = undefined
    this.bytes = 0
  }

  /** The lists that it keeps alive, the one of each run. */
  *lists(): Generator<PacketList> {
    for (let run: Run | undefined = this.#first; run !== undefined; run = run.next) if (run.list) yield run.list
  }

  /** The packet behind the cursor. */
  #peek(): Packet {
    while (this.cursor >= this.#current.end && this.#current.next) this.#current = this.#current.next
    return this.#current.packet(this.cursor + 1)
  }
}
