import type { Duplex } from "node:stream"
import { Taking, type Written } from "../../server/limits/taking.ts"
import type { Clockwork } from "../../session/clockwork.ts"

/**
 * Counts of the handle, which Node's own socket timeouts use: bytes given to the system, and those of them that it has
 * not taken.
 */
interface Handle {
  readonly bytesWritten?: number
  readonly writeQueueSize?: number
}

/** A socket of node:net or node:tls, or the object in its place on an HTTP/2 request. */
type Writing = Duplex & { readonly bytesWritten?: number; readonly _handle?: Handle | null }

/** An object that writes to a socket. */
export interface Taker {
  /** Bytes that it has written and the system has not taken yet. */
  pendingBytes(): number
  /** Called when the client does not read them. */
  stalled(): void
}

/** Watches the sockets of a hub that have data which their clients have not taken. */
export class Takings {
  readonly clockwork: Clockwork
  readonly #takeMs: number
  readonly #watched = new WeakMap<Duplex, WatchedSocket>()

  constructor(clockwork: Clockwork, takeMs: number) {
    this.clockwork = clockwork
    this.#takeMs = takeMs
  }

  /** Data was written to this socket. */
  watch(socket: Duplex, taker: Taker): void {
    if (!(taker.pendingBytes() > 0)) return // also if it is undefined: objects that imitate Node's may have no count
    const known = this.#watched.get(socket)
    const watched = known ?? new WatchedSocket(socket, this.clockwork, this.#takeMs)
    if (known === undefined) this.#watched.set(socket, watched)
    watched.watch(taker)
  }
}

class WatchedSocket implements Written {
  readonly #socket: Duplex
  readonly #taking: Taking
  /** The last object that wrote. On a kept-alive HTTP connection, one exchange follows another. */
  #taker: Taker | undefined

  constructor(socket: Duplex, clockwork: Clockwork, takeMs: number) {
    this.#socket = socket
    this.#taking = new Taking(clockwork, takeMs, this, () => this.#taker?.stalled())
    socket.once("close", () => this.#taking.stop())
  }

  watch(taker: Taker): void {
    this.#taker = taker
    this.#taking.watch()
  }

  pendingBytes(): number {
    return this.#socket.destroyed ? 0 : (this.#taker?.pendingBytes() ?? 0)
  }

  takenBytes(): number {
    return takenBytes(this.#socket)
  }
}

/** Number of bytes that the system has taken. It takes no more than the client reads, plus its buffers. */
function takenBytes(socket: Writing): number {
  const { _handle: handle, bytesWritten = 0, writableLength } = socket
  const { bytesWritten: given = bytesWritten, writeQueueSize: left = writableLength } = handle ?? {}
  return given - left
}
