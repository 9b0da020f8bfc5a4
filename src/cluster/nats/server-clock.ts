/** For how long a look at the server's clock is good, in milliseconds. Clocks drift by less than a millisecond in it. */
const GOOD_MS = 30_000

/** What the time is at the server: the clocks of the processes may differ, and all go by this one. */
export class ServerClock {
  readonly #now: () => number
  readonly #look: () => Promise<number>
  /** How much the server's clock is ahead of this one at least. */
  #aheadMs = 0
  #lookedAt = Number.NEGATIVE_INFINITY
  #looking: Promise<void> | undefined

  /** @param look resolves to a time that the server has read during the call */
  constructor(now: () => number, look: () => Promise<number>) {
    this.#now = now
    this.#look = look
  }

  /**
   * The server's time, or a little less, so that nothing expires too early: by as much as a look takes.
   */
  async now(): Promise<number> {
    if (this.#now() - this.#lookedAt > GOOD_MS) {
      this.#looking ??= this.#lookAgain()
      try {
        await this.#looking
      } finally {
        this.#looking = undefined
      }
    }
    return this.#now() + this.#aheadMs
  }

  async #lookAgain(): Promise<void> {
    const time = await this.#look()
    this.#lookedAt = this.#now()
    this.#aheadMs = time - this.#lookedAt
  }
}
