/**
 * A place in the bytes that were handed to a link: how many bytes came before it, and when it left, arrived and was
 * answered, in milliseconds of this end's clock.
 */
export interface Place {
  readonly handed: number
  readonly leftAt: number
  readonly arrivedAt: number
  readonly answeredAt: number
}

/** A mark that waited less than this in a queue met no queue: the link can carry more. In milliseconds. */
export const NO_QUEUE_MS = 100

/** Estimates how fast a link carries data, from the answers to marks. All rates are in bytes per millisecond. */
export class Rate {
  /** The rate by the last answer. */
  latest = 0
  /** A rate that the link surely carries. */
  sure = 0
  /** The highest rate in the current period, and in the period before. `Infinity` if an answer met no queue. */
  #now = Infinity
  #before = Infinity
  #momentAt = 0
  /** The rate by the last answer in an unbroken queue, and the lower of the last two such rates. */
  #unbroken = Infinity
  #agreed = 0

  /**
   * Begins to measure another link. The agreed rate of the link before is reset, because it would count as sure
   * whatever the new link shows. The highest rates of the last periods stay, because they only bound the new rates.
   */
  reset(): void {
    this.#unbroken = Infinity
    this.#agreed = 0
  }

  /**
   * A mark was answered. `bytes` were handed to the link between the mark and the place `before`. `isBusy`: the sender
   * had much to send.
   *
   * Data that arrives in bursts, as in HTTP bodies, may seem fast once. So a rate is sure only if the answers of two
   * periods agree on it. An answer that met no queue sets no bound, because that link carries more.
   */
  told(bytes: number, { leftAt, arrivedAt, answeredAt }: Place, before: Place, isBusy: boolean): void {
    const isLine = arrivedAt - leftAt >= NO_QUEUE_MS
    // With a queue, the arrival times tell the rate, even if answers wait in another queue on the way back.
    const betweenMs = Math.max(arrivedAt - before.arrivedAt, leftAt - before.leftAt)
    const tookMs = isLine ? betweenMs : Math.max(betweenMs, answeredAt - before.answeredAt)
    const rate = bytes / Math.max(1, tookMs)
    this.latest = rate
    if (answeredAt - this.#momentAt > (answeredAt - leftAt) / 4) {
      this.#before = this.#now
      this.#now = 0
      this.#momentAt = answeredAt
    }
    // The mark left before the one before it had arrived, so only the link's own speed separates their arrivals.
    if (isLine && leftAt <= before.arrivedAt) {
      this.#agreed = Math.min(rate, this.#unbroken)
      this.#unbroken = rate
    }
    this.sure = Math.max(Math.min(rate, this.#before), this.#agreed)
    if (!isLine) this.#now = Infinity
    else if (isBusy) this.#now = Math.max(this.#now, rate)
  }
}
