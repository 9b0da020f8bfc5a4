import { nextPart, type Outbox, WITHDRAWN } from "../../session/outbox.ts"
import { type Batch, encodeBatch, type Packet, sizeOf } from "../../wire/batch.ts"
import { BATCH_BYTES } from "../../wire/defaults.ts"
import { isPackable, PACKED_BYTES, PackedList } from "./packed-list.ts"
import { append, PacketList } from "./packet-list.ts"

/** Memory of a run besides its packets, in bytes: the run, its list, and the list's array. */
export const RUN_OVERHEAD_BYTES = 192
/** Consecutive packets of one outbox that are in one list. */
class Run {
  /** Undefined in the first run of an outbox, and when all packets are acknowledged. */
  list: PacketList | PackedList | undefined
  /** The number that the first packet of the list has in this outbox, even if it was never sent here. */
  readonly base: number
  /** Number of the last packet. */
  end = 0
  next: Run | undefined

  constructor(list: Run["list"], base: number) {
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

/** When an outbox holds this much, its peer does not keep up. What it is sent then is packed. */
const PACKED_ABOVE_BYTES = BATCH_BYTES

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
  /** The same, of packets that are packed. */
  #packed: PackedList | undefined
  readonly #joined: LastJoined
  /** Numbers of the packets that were withdrawn. Their lists still hold them, so they count as before until an ack. */
  #withdrawn: Set<number> | undefined

  /** `joined` is the hub's, so that sessions with the same packets share the batches. */
  constructor(joined: LastJoined) {
    this.#joined = joined
  }

  push(packet: Packet, shared?: PacketList, at?: number): void {
    const list = shared ?? this.#keep(packet)
    const place = at ?? (list instanceof PackedList ? list.size : list.held.length) - 1
    const base = ++this.said - place
    const last = this.#last
    if (last === NO_RUN) this.#first = this.#current = this.#last = new Run(list, base)
    else if (last.list !== list || last.base !== base) this.#last = last.next = new Run(list, base)
    this.#last.end = this.said
    this.bytes += list.costAt(place)
  }

  /** Appends a packet that is sent to this session alone to one of its lists. */
  #keep(packet: Packet): PacketList | PackedList {
    if (this.#willPack(packet)) {
      if (!this.#packed?.hasRoom(packet.length)) this.#packed = new PackedList()
      this.#packed.push(packet)
      return this.#packed
    }
    if (this.bytes < PACKED_ABOVE_BYTES) this.#packed = undefined
    this.#own = append(packet, this.#own)
    return this.#own
  }

  #willPack(packet: Packet): packet is string {
    return this.bytes >= PACKED_ABOVE_BYTES && isPackable(packet)
  }

  /** Memory of the list that this packet would begin, in bytes; 0 if it begins none with a size of its own. */
  listBytesFor(packet: Packet): number {
    return this.#willPack(packet) && !this.#packed?.hasRoom(packet.length) ? PACKED_BYTES : 0
  }

  next(partBytes: number, batchBytes = partBytes): Batch {
    return this.#nextPacked(partBytes, batchBytes) ?? this.#next(partBytes, batchBytes)
  }

  /** The next batch, if it is in a packed list and needs no more than to be taken from there. */
  #nextPacked(partBytes: number, batchBytes: number): Batch | undefined {
    const { list, base, end } = this.#runAhead()
    if (!(list instanceof PackedList) || this.part > 0 || this.#withdrawn) return undefined
    const first = this.cursor + 1 - base
    if (list.sizeOf(first, first) > partBytes) return undefined
    let last = first
    while (base + last < end && list.sizeOf(first, last + 1) <= Math.min(batchBytes, BATCH_BYTES)) last++
    this.cursor = base + last
    return list.batch(first, last)
  }

  #next(partBytes: number, batchBytes: number): Batch {
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
    const isWhole = list instanceof PacketList && list === this.#own && list.held.length === packets.length
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
      if (list instanceof PacketList && typeof list.held === "string" && run.end <= number && this.acked < run.base) {
        this.bytes -= list.costOfAll(list.held, run.end - run.base + 1)
        this.acked = run.end
      } else this.bytes -= list.costAt(++this.acked - run.base)
    }
    if (this.#withdrawn) this.#keepWithdrawn(number)
    if (this.cursor <= number) this.seek(number, this.cursor === number ? this.part : 0)
    if (this.acked === this.said) {
      if (run !== NO_RUN) run.list = undefined
      this.#own = this.#packed = undefined
    }
  }

  unacknowledged(): readonly Packet[] {
    return this.after(this.acked)
  }

  /** The packets with numbers above this one, which is that of an acknowledged packet or of one here. */
  after(last: number): readonly Packet[] {
    const packets: Packet[] = []
    for (const [run, number] of this.#places(last)) packets.push(this.#packet(run, number))
    return packets
  }

  /** How many messages are not acknowledged and were not withdrawn. */
  get messages(): number {
    let count = 0
    for (const [{ list, base }, number] of this.#places()) {
      if (list?.isMessage(number - base) && !this.#withdrawn?.has(number)) count++
    }
    return count
  }

  withdraw(isRefused: (packet: Packet, number: number) => boolean): void {
    for (const [run, number] of this.#places()) {
      // What is packed is refused by its number, if at all: see `isPackable`.
      if (!isRefused(run.list instanceof PackedList ? "" : this.#packet(run, number), number)) continue
      this.#withdrawn ??= new Set()
      this.#withdrawn.add(number)
    }
  }

  /** Every packet that is not acknowledged, or that has a higher number than `last`: its run and its number. */
  *#places(last = this.acked): Generator<[run: Run, number: number]> {
    let run = this.#first
    for (let number = last + 1; number <= this.said; number++) {
      while (number > run.end && run.next) run = run.next
      yield [run, number]
    }
  }

  /** Releases all packets. The numbers stay. */
  clear(): void {
    this.#first = this.#last = this.#current = NO_RUN
    this.#own = this.#packed = this.#withdrawn = undefined
    this.bytes = 0
  }

  /** The lists that this outbox keeps alive, one for each run. */
  *lists(): Generator<PacketList | PackedList> {
    for (let run: Run | undefined = this.#first; run !== undefined; run = run.next) if (run.list) yield run.list
  }

  /** The packet after the cursor. */
  #peek(): Packet {
    return this.#packet(this.#runAhead(), this.cursor + 1)
  }

  /** The run of that packet. */
  #runAhead(): Run {
    while (this.cursor >= this.#current.end && this.#current.next) this.#current = this.#current.next
    return this.#current
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
