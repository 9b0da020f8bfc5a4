import type { Batch } from "../transports/transport.ts"
import { sizeOf } from "../wire/batch.ts"
import type { Closing } from "../wire/errors.ts"
import { type Line, type LineSender, SEGMENT_BYTES, type Segment } from "./line.ts"

/** What crosses a wire: the dial itself, batches, and the end. */
export type Cargo =
  | { readonly what: "dial" }
  | { readonly what: "batch"; readonly batch: Batch }
  | { readonly what: "closed"; readonly closing: Closing }

/** What a pipe needs of its wire. */
export interface PipeHost {
  now(): number
  after(delayMs: number, run: () => void): () => void
  /** How long this piece of cargo takes, in milliseconds. */
  transitMs(): number
  /** Whether something on the way holds this back for now. */
  holds(cargo: Cargo): boolean
  /** Some of it has passed the network's line, all of it with `last`; it is under way now. */
  passed(cargo: Cargo, bytes: number, last: boolean): void
  arrived(cargo: Cargo): void
  /** The buffer of the sending end has emptied after it had grown. */
  drained(): void
}

interface Piece {
  readonly cargo: Cargo
  readonly at: number
}

/** What has not passed the line yet. */
interface Load {
  readonly cargo: Cargo
  /** How many bytes the line has not taken. */
  left: number
}

/** One direction of a wire. What was put in comes out in order, unless all of the rest is lost. */
export class Pipe implements LineSender {
  readonly #host: PipeHost
  /** What all wires of the network share in this direction. */
  readonly #line: Line
  /** How many bytes the network takes before they pile up at the sender, where it has no rate. */
  readonly #windowBytes: number
  /** What the line has not taken, oldest first: of the first one it may have taken a part. */
  #loads: Load[] = []
  /** Bytes of it. */
  #waitingBytes = 0
  /** On the way, oldest first. */
  readonly #pieces: Piece[] = []
  /** Bytes that were put in and have not arrived. */
  #bytes = 0
  /** Whether the sender's buffer has grown since it was last told of room. */
  #grown = false
  /** Whether everything from now on vanishes. */
  #lost = false
  #cancel: (() => void) | undefined

  constructor(host: PipeHost, line: Line, windowBytes: number) {
    this.#host = host
    this.#line = line
    this.#windowBytes = windowBytes
  }

  /** Bytes that the sender holds because the network does not take them. */
  get bufferedBytes(): number {
    if (this.#line.limited && !this.#lost) return this.#waitingBytes
    return Math.max(0, this.#bytes - this.#windowBytes)
  }

  /** Whether everything vanishes in here. */
  get lost(): boolean {
    return this.#lost
  }

  put(cargo: Cargo): void {
    const bytes = bytesOf(cargo)
    this.#bytes += bytes
    if (this.#lost) {
      if (this.bufferedBytes > 0) this.#grown = true
      return
    }
    if (this.#line.limited) {
      this.#loads.push({ cargo, left: bytes })
      this.#waitingBytes += bytes
      this.#line.offer(this)
    } else {
      this.#host.passed(cargo, bytes, true)
      this.#depart(cargo)
    }
    if (this.bufferedBytes > 0) this.#grown = true
  }

  /** Everything on the way vanishes, and everything that is still put in. What the line has taken still takes its time. */
  lose(): void {
    this.#lost = true
    // What stands in the line is not the sender's any more, and what waited for it is forgotten.
    if (this.#line.limited) this.#bytes = 0
    this.#loads = []
    this.#waitingBytes = 0
    this.#pieces.length = 0
    this.#cancel?.()
    this.#cancel = undefined
  }

  // — for the line —

  nextBytes(): number | undefined {
    const [first] = this.#loads
    return first && Math.min(first.left, SEGMENT_BYTES)
  }

  take(): Segment {
    const [first] = this.#loads
    if (first === undefined) throw new Error("the line takes from a wire what it does not have")
    const bytes = Math.min(first.left, SEGMENT_BYTES)
    first.left -= bytes
    this.#waitingBytes -= bytes
    const last = first.left === 0
    if (last) this.#loads.shift()
    this.#tellOfRoom()
    return { bytes, passed: () => this.#passed(first.cargo, bytes, last) }
  }

  #passed(cargo: Cargo, bytes: number, last: boolean): void {
    this.#host.passed(cargo, bytes, last)
    if (last && !this.#lost) this.#depart(cargo)
  }

  /** It is on its way: only the latency is between it and the other end. */
  #depart(cargo: Cargo): void {
    const soonest = this.#pieces.at(-1)?.at ?? 0
    this.#pieces.push({ cargo, at: Math.max(soonest, this.#host.now() + this.#host.transitMs()) })
    this.pump()
  }

  #tellOfRoom(): void {
    if (!this.#grown || this.#lost || this.bufferedBytes > 0) return
    this.#grown = false
    this.#host.drained()
  }

  /** Sees to it that the oldest piece arrives when it is due; to be called when it may be held no longer. */
  pump(): void {
    if (this.#cancel !== undefined) return
    const [first] = this.#pieces
    if (first === undefined || this.#host.holds(first.cargo)) return
    this.#cancel = this.#host.after(first.at - this.#host.now(), () => {
      this.#cancel = undefined
      this.#deliver()
    })
  }

  #deliver(): void {
    for (;;) {
      const [first] = this.#pieces
      if (first === undefined || first.at > this.#host.now() || this.#host.holds(first.cargo)) break
      this.#pieces.shift()
      this.#bytes -= bytesOf(first.cargo)
      this.#host.arrived(first.cargo)
    }
    this.#tellOfRoom()
    this.pump()
  }
}

/** The dial and the end are too small to count. */
function bytesOf(cargo: Cargo): number {
  return cargo.what === "batch" ? sizeOf(cargo.batch) : 0
}
