/** Counts the bytes that were sent and that the store has not confirmed, so that a store which has stopped fills no memory. */
export class Unconfirmed {
  readonly #maxBytes: number
  readonly #connected: (isConnected: boolean) => void
  #bytes = 0
  /** Whether something was dropped since there was last room. */
  #hasDropped = false

  /** @param connected is told `false` when something is dropped, and `true` when half of the room is free again */
  constructor(maxBytes: number, connected: (isConnected: boolean) => void) {
    this.#maxBytes = maxBytes
    this.#connected = connected
  }

  get isFull(): boolean {
    return this.#bytes > this.#maxBytes
  }

  /** Whether this may be sent. If not, it counts as dropped. */
  admits(): boolean {
    if (!this.isFull) return true
    this.#hasDropped = true
    this.#connected(false)
    return false
  }

  /** Counts what was sent until the promise is settled. */
  count(bytes: number, sent: Promise<unknown>): void {
    this.#bytes += bytes
    const settled = (): void => {
      this.#bytes -= bytes
      if (!this.#hasDropped || this.#bytes > this.#maxBytes / 2) return
      this.#hasDropped = false
      this.#connected(true)
    }
    sent.then(settled, settled)
  }
}
