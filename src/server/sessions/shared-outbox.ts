import { nextPart, type Outbox, type SharedPackets, WITHDRAWN } from "../../session/outbox.ts"
import { type Batch, encodeBatch, isWide, type Packet, sizeOf } from "../../wire/batch.ts"
import { BATCH_BYTES, PACKET_OVERHEAD_BYTES } from "../../wire/defaults.ts"

/** Memory of a run besides its packets, in bytes: the run, its list, and the list's array. */
export const RUN_OVERHEAD_BYTES = 192
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

/** Packets in the order in which they were sent. Outboxes refer to parts of it, so that a broadcast is kept once. */
export class Log {
  #list: PacketList | undefined

  append(packet: Packet): PacketList {
    this.#list = append(packet, this.#list)
    return this.#list
  }
}

/** Consecutive packets of one outbox that are in one list. */
class Run {
  /** Undefined in the first run of an outbox, and when all packets are acknowledged. */
  list: PacketList | undefined
  /** The number that the first packet of the list has in this outbox, even if it was never sent here. */
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

/** The first run of every outbox, shared, because many peers are never sent anything. */
const NO_RUN = new Run(undefined, 0)

const NOTHING: readonly Packet[] = []

/**
 * The packets that were joined last for a session of the hub, and the batch. After a burst of broadcasts many sessions
 * join the same packets. Keeps at most one batch of `BATCH_BYTES`, and packets of the same size.
 */
export class LastJoined {
  #packets = NOTHING
  #batch: Batch = ""

  of(packets: readonly Packet[]): Batch {
    // One packet needs no joining, and may have any size.
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
  /** The run with the oldest unacknowledged packet. May be exhausted; then that packet is in `run.next`. */
  #first = NO_RUN
  #last = this.#first
  /** The run with the packet after the cursor, or a run before that one. */
  #current = this.#first
  /** The list of packets sent to this session alone. The next one is appended to it. */
  #own: PacketList | undefined
  readonly #joined: LastJoined
  /** Numbers of the packets that were withdrawn. Their lists still hold them, so they count as before until an ack. */
  #withdrawn: Set<number> | undefined

  /** `joined` is the hub's, so that sessions with the same packets share the batches. */
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
    // The whole of the session's own list, which no other run refers to.
    const isWhole = list !== undefined && list === this.#own && list.held.length === packets.length
    if (isWhole && !this.#withdrawn && run.base === number && run.end === this.cursor && typeof batch === "string") {
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
    if (this.#withdrawn) this.#keepWithdrawn(number)
    if (this.cursor <= number) this.seek(number, this.cursor === number ? this.part : 0)
    if (this.acked === this.said) {
      if (run !== NO_RUN) run.list = undefined
      this.#own = undefined
    }
  }

  unacknowledged(): Generator<Packet> {
    return this.after(this.acked)
  }

  /** The packets with numbers above this one, which is that of an acknowledged packet or of one here. */
  *after(last: number): Generator<Packet> {
    let run = this.#first
    for (let number = last + 1; number <= this.said; number++) {
      while (number > run.end && run.next) run = run.next
      yield this.#packet(run, number)
    }
  }

  withdraw(isRefused: (packet: Packet, number: number) => boolean): void {
    let number = this.acked
    for (const packet of this.unacknowledged()) {
      if (!isRefused(packet, ++number)) continue
      this.#withdrawn ??= new Set()
      this.#withdrawn.add(number)
    }
  }

  /** Releases all packets. The numbers stay. */
  clear(): void {
    this.#first = this.#last = this.#current = NO_RUN
    this.#own = this.#withdrawn = undefined
    this.bytes = 0
  }

  /** The lists that this outbox keeps alive, one for each run. */
  *lists(): Generator<PacketList> {
    for (let run: Run | undefined = this.#first; run !== undefined; run = run.next) if (run.list) yield run.list
  }

  /** The packet after the cursor. */
  #peek(): Packet {
    while (this.cursor >= this.#current.end && this.#current.next) this.#current = this.#current.next
    return this.#packet(this.#current, this.cursor + 1)
  }

  #packet(run: Run, number: number): Packet {
    return this.#withdrawn?.has(number) ? WITHDRAWN : run.packet(number)
  }

  /** Forgets the withdrawn packets up to this number. */
  #keepWithdrawn(number: number): void {
    const left = [...(this.#withdrawn ?? [])].filter((one) => one > number)
    this.#withdrawn = left.length > 0 ? new Set(left) : undefined
  }
}
