import { Decoder, Encoder } from "@msgpack/msgpack"
import type { Alarm, Clockwork, Flushable, Slot } from "../session/clockwork.ts"
import { sizeOf } from "../wire/batch.ts"

/** One thing that a process says to another. Its meaning is the receiver's matter: see `neighbours.ts`. */
export type Message = readonly unknown[]

/** Largest piece of a frame, in bytes. Stores bound what one publish may carry; for NATS the default is 1 MiB. */
const MAX_PIECE_BYTES = 262_144
/** Most bytes that wait for one process while the store is away. */
export const MAX_QUEUED_BYTES = 8_388_608
/** Memory of a message beside its batch, in bytes. */
const MESSAGE_OVERHEAD_BYTES = 64
/** This long after the last frame an empty one follows, so that the loss of the last one is noticed. */
export const QUIET_MS = 1_000

/** Flags of a piece. `OPENING`: the sender has no memory of an earlier frame to this process. */
const BEGINS = 1
const ENDS = 2
const OPENING = 4

const NOTHING = new Uint8Array()

/** What the courier tells. */
export interface CourierHost {
  publish(topic: string, data: Uint8Array): void
  readonly clockwork: Clockwork
  readonly hub: string
  /** The topic that the process of this hub hears. */
  topicOf(hub: string): string
  /** Messages of one frame, in order. */
  hear(from: string, messages: readonly Message[]): void
  /** Something that `from` sent before the frame `number` was lost. What this frame brings follows. */
  lost(from: string, number: number): void
  /** More waited for `to` than may wait. All of it was dropped. */
  overflowed(to: string): void
  failed(error: unknown): void
}

/** What waits for one process. */
class Outgoing implements Alarm {
  slot: Slot | undefined
  readonly to: string
  /** Number of the last piece that was sent. */
  number: number
  isOpening = true
  sentAt = 0
  messages: Message[] = []
  bytes = 0
  readonly #ring: (outgoing: Outgoing) => void

  constructor(to: string, number: number, ring: (outgoing: Outgoing) => void) {
    this.to = to
    this.number = number
    this.#ring = ring
  }

  ring(): void {
    this.#ring(this)
  }
}

/** What has come from one process. */
interface Incoming {
  /** The number of the next piece. */
  next: number
  /** The pieces of a frame that is not whole. Undefined if its beginning was lost. */
  pieces: Uint8Array[] | undefined
}

/**
 * Carries messages between this process and others, in order and each at most once. What is said to one process in one tick
 * goes as one frame. Frames are numbered: a frame that comes again is dropped, and a missing one is told to both ends by
 * `lost`.
 */
export class Courier implements Flushable {
  readonly #host: CourierHost
  readonly #outgoing = new Map<string, Outgoing>()
  readonly #incoming = new Map<string, Incoming>()
  /** Those of `#outgoing` that have messages. */
  readonly #waiting = new Set<Outgoing>()
  readonly #encoder = new Encoder({ useBigInt64: false })
  readonly #decoder = new Decoder()
  /** Whether what is published reaches the others. */
  #isConnected = true
  /** `turn`: a flush is due in this turn of the event loop. `asked`: in this tick. `last`: as the last thing in this tick. */
  #flush: "none" | "turn" | "asked" | "last" = "none"

  constructor(host: CourierHost) {
    this.#host = host
  }

  /** The number of the next piece to this process. */
  nextNumber(to: string): number {
    return this.#outgoingTo(to).number + 1
  }

  /**
   * With `mayWait`, the message may go together with what other sockets bring in this turn of the event loop, each in a tick
   * of its own. Any other message takes along what was sent before it.
   */
  send(to: string, message: Message, mayWait = false): void {
    const outgoing = this.#outgoingTo(to)
    outgoing.bytes += MESSAGE_OVERHEAD_BYTES + sizeOfAll(message)
    if (outgoing.bytes > MAX_QUEUED_BYTES && !this.#isConnected) return this.#overflow(outgoing)
    outgoing.messages.push(message)
    this.#waiting.add(outgoing)
    if (!this.#isConnected) return
    const { clockwork } = this.#host
    if (mayWait && clockwork.runtime.turn !== undefined) {
      if (this.#flush !== "none") return
      this.#flush = "turn"
      return clockwork.runtime.turn(this.#endTurn)
    }
    if (this.#flush === "asked" || this.#flush === "last") return
    this.#flush = "asked"
    clockwork.flushSoon(this)
  }

  readonly #endTurn = (): void => {
    if (this.#flush !== "turn") return // all went with a message that could not wait
    try {
      this.flushAll()
    } catch (error) {
      this.#host.failed(error)
    }
  }

  /** At the end of the tick. It goes behind the flushes of the sessions, because those have most to say. */
  flushNow(): void {
    if (this.#flush === "asked") {
      this.#flush = "last"
      return this.#host.clockwork.flushSoon(this)
    }
    this.flushAll()
  }

  /** Publishes at once what waits. */
  flushAll(): void {
    this.#flush = "none"
    if (!this.#isConnected) return
    for (const outgoing of this.#waiting) {
      const { messages } = outgoing
      outgoing.messages = []
      outgoing.bytes = 0
      this.#publish(outgoing, this.#encoder.encode(messages))
    }
    this.#waiting.clear()
  }

  /** The connection to the other processes is lost, or there again. Meanwhile messages wait. */
  connected(isConnected: boolean): void {
    this.#isConnected = isConnected
    this.flushAll()
  }

  /** Takes what was published for this process. */
  take(data: Uint8Array): void {
    try {
      const [from, number, flags, bytes] = this.#decoder.decode(data) as [string, number, number, Uint8Array] // another courier wrote it
      this.#take(from, number, flags, bytes)
    } catch (error) {
      this.#host.failed(error)
    }
  }

  #take(from: string, number: number, flags: number, bytes: Uint8Array): void {
    let incoming = this.#incoming.get(from)
    const isOpening = (flags & OPENING) > 0
    if (incoming !== undefined && number < incoming.next) return // it came before
    const isExpected = incoming === undefined ? isOpening : number === incoming.next && !isOpening
    if (incoming === undefined) {
      incoming = { next: number, pieces: undefined }
      this.#incoming.set(from, incoming)
    }
    incoming.next = number + 1
    if (!isExpected) {
      incoming.pieces = undefined
      this.#host.lost(from, number)
    }
    if ((flags & BEGINS) > 0) incoming.pieces = []
    if (incoming.pieces === undefined) return
    incoming.pieces.push(bytes)
    if ((flags & ENDS) === 0) return
    const whole = joined(incoming.pieces)
    incoming.pieces = undefined
    if (whole.length > 0) this.#host.hear(from, this.#decoder.decode(whole) as Message[]) // as above
  }

  /** The process is gone. */
  forget(hub: string): void {
    const outgoing = this.#outgoing.get(hub)
    if (outgoing !== undefined) {
      this.#host.clockwork.clear(outgoing)
      this.#waiting.delete(outgoing)
    }
    this.#outgoing.delete(hub)
    this.#incoming.delete(hub)
  }

  close(): void {
    this.flushAll()
    for (const hub of [...this.#outgoing.keys()]) this.forget(hub)
  }

  #outgoingTo(to: string): Outgoing {
    let outgoing = this.#outgoing.get(to)
    if (outgoing === undefined) {
      // Higher than any number that was used for this process before it was forgotten: fewer than a thousand pieces are
      // sent in a millisecond.
      outgoing = new Outgoing(to, 1_000 * Math.floor(this.#host.clockwork.now()), this.#quiet)
      this.#outgoing.set(to, outgoing)
    }
    return outgoing
  }

  #publish(outgoing: Outgoing, whole: Uint8Array): void {
    const { clockwork, hub, topicOf } = this.#host
    const topic = topicOf(outgoing.to)
    let at = 0
    do {
      const piece = whole.subarray(at, at + MAX_PIECE_BYTES)
      const flags = (at === 0 ? BEGINS : 0) | (at + piece.length >= whole.length ? ENDS : 0)
      at += piece.length
      const opening = outgoing.isOpening ? OPENING : 0
      outgoing.isOpening = false
      this.#host.publish(topic, this.#encoder.encode([hub, ++outgoing.number, flags | opening, piece]))
    } while (at < whole.length)
    outgoing.sentAt = clockwork.now()
    if (outgoing.slot === undefined && whole.length > 0) clockwork.set(outgoing, outgoing.sentAt + QUIET_MS)
  }

  readonly #quiet = (outgoing: Outgoing): void => {
    const { clockwork } = this.#host
    if (outgoing.sentAt + QUIET_MS > clockwork.now()) return clockwork.set(outgoing, outgoing.sentAt + QUIET_MS)
    if (this.#isConnected && outgoing.messages.length === 0) this.#publish(outgoing, NOTHING)
    else clockwork.set(outgoing, clockwork.now() + QUIET_MS)
  }

  #overflow(outgoing: Outgoing): void {
    outgoing.messages = []
    outgoing.bytes = 0
    outgoing.number++ // the receiver notices the gap
    this.#waiting.delete(outgoing)
    this.#host.overflowed(outgoing.to)
  }
}

/** Bytes of the texts and byte arrays in a message. */
function sizeOfAll(message: Message): number {
  let bytes = 0
  for (const part of message) if (typeof part === "string" || part instanceof Uint8Array) bytes += sizeOf(part)
  return bytes
}

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const [only] = pieces
  if (pieces.length === 1 && only !== undefined) return only
  const whole = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const piece of pieces) {
    whole.set(piece, at)
    at += piece.length
  }
  return whole
}
