import type { Batch } from "../transports/transport.ts"
import { sizeOf } from "../wire/batch.ts"
import type { Closing } from "../wire/errors.ts"
import { type Line, type LineSender, SEGMENT_BYTES, type Segment } from "./line.ts"

/** One thing that crosses a wire: the dial itself, a batch, or the end of the link. */
export type Cargo =
  | { readonly what: "dial" }
  | { readonly what: "batch"; readonly batch: Batch }
  | { readonly what: "closed"; readonly closing: Closing }

/** What a pipe needs from the wire that made it. */
export interface PipeHost {
  now(): number
  after(delayMs: number, run: () => void): () => void
  /** The latency of the next piece of cargo, in milliseconds. */
  transitMs(): number
  /** Whether the network holds this cargo back for now (see `freeze` and `holdBack` of the network). */
  holds(cargo: Cargo): boolean
  /** A part of this cargo has passed the network's line. `last`: the whole cargo has, and only latency is left. */
  passed(cargo: Cargo, bytes: number, last: boolean): void
  arrived(cargo: Cargo): void
  /** The buffer of the sending end is empty again after it had grown. */
  drained(): void
}

interface Piece {
  readonly cargo: Cargo
  readonly at: number
}

/** Cargo that the line has not taken completely. */
interface Load {
  readonly cargo: Cargo
  /** Bytes of the cargo that the line has not taken yet. */
  left: number
}

/** One direction of a wire. Cargo comes out in the order it was put in, until `lose` drops everything that is left. */
export class Pipe implements LineSender {
  readonly #host: PipeHost
  /** The line that all wires of the network share in this direction. */
  readonly #line: Line
  /** Without a rate limit: bytes that may be in transit before further bytes count as buffered at the sender. */
  readonly #windowBytes: number
  /** Cargo that waits for the line, oldest first. The line may have taken a part of the first one. */
  #loads: Load[] = []
  /** Total of `left` in `#loads`, in bytes. */
  #waitingBytes = 0
  /** Cargo that has passed the line and arrives when its latency is over, oldest first. */
  readonly #pieces: Piece[] = []
  /** Bytes of cargo that were put in and have not arrived. */
  #bytes = 0
  /** Whether the sender's buffer has grown since the last `drained` call. */
  #grown = false
  /** Set by `lose`: all cargo from then on is dropped. */
  #lost = false
  #cancel: (() => void) | undefined

  constructor(host: PipeHost, line: Line, windowBytes: number) {
    this.#host = host
    this.#line = line
    this.#windowBytes = windowBytes
  }

  /** Bytes that the sender has to buffer because the network does not take them. */
  get bufferedBytes(): number {
    if (this.#line.limited && !this.#lost) return this.#waitingBytes
    return Math.max(0, this.#bytes - this.#windowBytes)
  }

  /** Whether this pipe drops all cargo. */
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

  /**
   * Drops all cargo in transit and all cargo put in later. Segments that the line has taken still take up their time
   * there.
   */
  lose(): void {
    this.#lost = true
    // The sender no longer holds what the line has taken, and what still waited for the line is dropped.
    if (this.#line.limited) this.#bytes = 0
    this.#loads = []
    this.#waitingBytes = 0
    this.#pieces.length = 0
    this.#cancel?.()
    this.#cancel = undefined
  }

  // — called by the line —

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

  /** The cargo has passed the line and arrives when its latency is over, but never before older cargo. */
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

  /** Arms the timer for the oldest piece. To be called again when the network may have stopped holding cargo back. */
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

/** Only batches have a size here; a dial and an end count as 0 bytes. */
function bytesOf(cargo: Cargo): number {
  return cargo.what === "batch" ? sizeOf(cargo.batch) : 0
}
