/** A place in what was handed to a link: how many bytes came before it, and when it left, arrived (by this clock), and was answered. */
export interface Place {
  readonly handed: number
  readonly leftAt: number
  readonly arrivedAt: number
  readonly answeredAt: number
}

/** A line that is shorter than this is none: the link carries more. */
export const NO_QUEUE_MS = 100

/** How fast a link carries, as the answers to marks tell. All in bytes per millisecond. */
export class Rate {
  /** What the last answer told. */
  latest = 0
  /** What the link is sure to carry. */
  sure = 0
  /** What the answers of the last moment told at most, and those of the moment before. */
  #now = Infinity
  #before = Infinity
  #momentAt = 0
  /** What the last answer told behind a line that was never interrupted, and what two of them agree on. */
  #unbroken = Infinity
  #agreed = 0

  /**
   * Another link is measured from now on. An agreed rate of the link before would count as sure whatever this one tells, so it
   * is forgotten; the most of the last moments only bounds what this one tells, so it stays.
   */
  reset(): void {
    this.#unbroken = Infinity
    this.#agreed = 0
  }

  /**
   * A mark was answered. `bytes` lay between it and the place before; `isBusy`: its sender had much to say.
   *
   * What comes in lumps, as it does in the bodies of HTTP, may seem to come quickly once. So only what the answers of two
   * moments agree on is sure. They need not agree with one that met no line: that link carries more.
   */
  told(bytes: number, { leftAt, arrivedAt, answeredAt }: Place, before: Place, isBusy: boolean): void {
    const isLine = arrivedAt - leftAt >= NO_QUEUE_MS
    // A line tells when data arrived, however long answers stand in another one on the way back.
    const betweenMs = Math.max(arrivedAt - before.arrivedAt, leftAt - before.leftAt)
    const tookMs = isLine ? betweenMs : Math.max(betweenMs, answeredAt - before.answeredAt)
    const rate = bytes / Math.max(1, tookMs)
    this.latest = rate
    if (answeredAt - this.#momentAt > (answeredAt - leftAt) / 4) {
      this.#before = this.#now
      this.#now = 0
      this.#momentAt = answeredAt
    }
    // It left before the last one had arrived, so nothing but the link itself kept the two apart.
    if (isLine && leftAt <= before.arrivedAt) {
      this.#agreed = Math.min(rate, this.#unbroken)
      this.#unbroken = rate
    }
    this.sure = Math.max(Math.min(rate, this.#before), this.#agreed)
    if (!isLine) this.#now = Infinity
    else if (isBusy) this.#now = Math.max(this.#now, rate)
  }
}
