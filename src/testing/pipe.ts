import { sizeOf } from "../kernel/codec.ts"
import type { Closing } from "../kernel/errors.ts"
import type { Batch } from "../transports/transport.ts"

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
  arrived(cargo: Cargo): void
  /** The buffer of the sending end has emptied after it had grown. */
  drained(): void
}

interface Piece {
  readonly cargo: Cargo
  readonly at: number
}

/** One direction of a wire. What was put in comes out in order, unless all of the rest is lost. */
export class Pipe {
  readonly #host: PipeHost
  /** How many bytes the network takes before they pile up at the sender. */
  readonly #windowBytes: number
  /** On the way, oldest first. */
  readonly #pieces: Piece[] = []
  #bytes = 0
  /** Whether the sender's buffer has grown since it was last told of room. */
  #grown = false
  /** Whether everything from now on vanishes. */
  #lost = false
  #cancel: (() => void) | undefined

  constructor(host: PipeHost, windowBytes: number) {
    this.#host = host
    this.#windowBytes = windowBytes
  }

  /** Bytes that the sender holds because the network does not take them. */
  get bufferedBytes(): number {
    return Math.max(0, this.#bytes - this.#windowBytes)
  }

  /** Whether everything vanishes in here. */
  get lost(): boolean {
    return this.#lost
  }

  put(cargo: Cargo): void {
    if (cargo.what === "batch") this.#bytes += sizeOf(cargo.batch)
    if (this.bufferedBytes > 0) this.#grown = true
    if (this.#lost) return
    const soonest = this.#pieces.at(-1)?.at ?? 0
    this.#pieces.push({ cargo, at: Math.max(soonest, this.#host.now() + this.#host.transitMs()) })
    this.pump()
  }

  /** Everything on the way vanishes, and everything that is still put in. */
  lose(): void {
    this.#lost = true
    this.#pieces.length = 0
    this.#cancel?.()
    this.#cancel = undefined
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
      if (first.cargo.what === "batch") this.#bytes -= sizeOf(first.cargo.batch)
      this.#host.arrived(first.cargo)
    }
    if (this.#grown && !this.#lost && this.bufferedBytes === 0) {
      this.#grown = false
      this.#host.drained()
    }
    this.pump()
  }
}
