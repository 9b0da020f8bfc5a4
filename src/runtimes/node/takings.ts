import type { Duplex } from "node:stream"
import { Taking, type Written } from "../../server/limits/taking.ts"
import type { Clockwork } from "../../session/clockwork.ts"

/** What Node's own time-outs ask for the same: what was given to the system, and what of it the system has not taken. */
interface Handle {
  readonly bytesWritten?: number
  readonly writeQueueSize?: number
}

/** A socket of node:net or node:tls, or what stands for it in a request of HTTP/2. */
type Writing = Duplex & { readonly bytesWritten?: number; readonly _handle?: Handle | null }

/** Who writes to a socket. */
export interface Taker {
  /** What it has written and the system has not taken, in bytes. */
  pendingBytes(): number
  /** The client does not take it. */
  stalled(): void
}

/** The sockets of a hub that have more to send than their clients have taken. */
export class Takings {
  readonly clockwork: Clockwork
  readonly #takeMs: number
  readonly #watched = new WeakMap<Duplex, WatchedSocket>()

  constructor(clockwork: Clockwork, takeMs: number) {
    this.clockwork = clockwork
    this.#takeMs = takeMs
  }

  /** Something was written to this socket. */
  watch(socket: Duplex, taker: Taker): void {
    if (!(taker.pendingBytes() > 0)) return // what imitates Node's objects may not tell
    const known = this.#watched.get(socket)
    const watched = known ?? new WatchedSocket(socket, this.clockwork, this.#takeMs)
    if (known === undefined) this.#watched.set(socket, watched)
    watched.watch(taker)
  }
}

class WatchedSocket implements Written {
  readonly #socket: Duplex
  readonly #taking: Taking
  /** Who wrote last. On a connection of HTTP that is kept, one exchange follows the other. */
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

/** How much of what was written the system has taken: it takes no more than the client reads and a buffer. */
function takenBytes(socket: Writing): number {
  const { _handle: handle, bytesWritten = 0, writableLength } = socket
  const { bytesWritten: given = bytesWritten, writeQueueSize: left = writableLength } = handle ?? {}
  return given - left
}
