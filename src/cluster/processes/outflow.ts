import type { Socket } from "node:net"

/** Writes frames to a socket: one write for all of a tick, and never more in memory than a bound. */
export class Outflow {
  readonly #socket: Socket
  readonly #maxBytes: number
  #isCorked = false

  constructor(socket: Socket, maxBytes: number) {
    this.#socket = socket
    this.#maxBytes = maxBytes
  }

  /** Whether more waits than may. A frame is written whole, so it is the first one beyond the bound that makes it so. */
  get isFull(): boolean {
    return this.#socket.writableLength > this.#maxBytes
  }

  write(frame: Uint8Array): void {
    if (!this.#isCorked) {
      this.#isCorked = true
      this.#socket.cork()
      // `setImmediate` would wait for other sockets first. The next tick comes when all that runs now has run.
      process.nextTick(() => {
        this.#isCorked = false
        this.#socket.uncork()
      })
    }
    this.#socket.write(frame)
  }
}
