/** How fast a network carries, and how much stands in its line. What is not given has no limit. */
export interface Limits {
  /** From the channels to the hubs. */
  readonly upBytesPerSecond?: number | undefined
  /** From the hubs to the channels. */
  readonly downBytesPerSecond?: number | undefined
  /**
   * How many bytes of all links together stand in the line, each way. A router has some tens of kilobytes: what finds no
   * room waits at its sender, and shows in the `bufferedBytes` of that link. Without it everything stands in the line, as in
   * the modem of a phone, and no link shows that anything waits.
   */
  readonly queueBytes?: number | undefined
}

/** What has passed a network in one direction. */
export interface Carried {
  readonly bytes: number
  readonly batches: number
}

/** A piece of one sender's bytes, small enough that several senders take turns. */
export interface Segment {
  readonly bytes: number
  /** The last byte has passed the line. */
  passed(): void
}

/** One end of a link, as the line sees it. */
export interface LineSender {
  /** How large the next segment is; undefined when nothing waits. */
  nextBytes(): number | undefined
  /** Hands the next segment over. */
  take(): Segment
}

/** So much passes between two turns, or less where a batch ends. */
export const SEGMENT_BYTES = 4_096

/**
 * One direction of a slow network, shared by all links: bytes pass one after another, at its rate, in the order in which they
 * came in. Times inside are fractions of a millisecond, so that many small segments take as long as a large one.
 */
export class Line {
  readonly #now: () => number
  readonly #after: (delayMs: number, run: () => void) => () => void
  #bytesPerSecond = Number.POSITIVE_INFINITY
  #queueBytes = Number.POSITIVE_INFINITY
  /** What stands in the line, oldest first, behind `#gone` that have passed. The first segment is passing. */
  #segments: Segment[] = []
  /** Taken out one by one, they would have the others moved each time, and a modem's line has a hundred thousand. */
  #gone = 0
  #queued = 0
  /** When the first segment will have passed. */
  #passedAt = 0
  /** Senders with something that has found no room, in the order of their turns. */
  readonly #waiting: LineSender[] = []
  #cancel: (() => void) | undefined

  constructor(now: () => number, after: (delayMs: number, run: () => void) => () => void) {
    this.#now = now
    this.#after = after
  }

  /** Whether bytes take any time at all. */
  get limited(): boolean {
    return this.#bytesPerSecond < Number.POSITIVE_INFINITY
  }

  /** How many bytes stand in it. */
  get queuedBytes(): number {
    return this.#queued
  }

  /** Changes the rate and the queue from now on, for what is passing too. */
  limit(bytesPerSecond: number, queueBytes: number): void {
    const now = this.#now()
    const leftMs = Math.max(0, this.#passedAt - now)
    // Without a rate nothing stands in the line, so there is nothing whose time would change.
    if (leftMs > 0) this.#passedAt = now + (leftMs * this.#bytesPerSecond) / bytesPerSecond
    this.#bytesPerSecond = bytesPerSecond
    this.#queueBytes = queueBytes
    this.#fill(now)
    this.#cancel?.()
    this.#pass()
  }

  /** The sender has something to hand over. */
  offer(sender: LineSender): void {
    if (!this.#waiting.includes(sender)) this.#waiting.push(sender)
    this.#fill(this.#now())
    if (this.#cancel === undefined) this.#arm()
  }

  /**
   * Lets senders in while there is room, one segment each in a turn, as a router's connections share its queue. `freeAt` is
   * since when the line has been empty, if it is.
   */
  #fill(freeAt: number): void {
    for (;;) {
      const [sender] = this.#waiting
      if (sender === undefined) return
      const bytes = sender.nextBytes()
      if (bytes !== undefined) {
        const free = this.#first === undefined
        if (!free && this.#queued + bytes > this.#queueBytes) return
        if (free) this.#passedAt = freeAt + this.#takesMs(bytes)
        this.#queued += bytes
        this.#segments.push(sender.take())
      }
      this.#waiting.shift()
      if (sender.nextBytes() !== undefined) this.#waiting.push(sender)
    }
  }

  #pass(): void {
    for (;;) {
      const first = this.#first
      if (first === undefined || this.#passedAt > this.#now()) break
      this.#removeFirst()
      this.#queued -= first.bytes
      const next = this.#first
      const freeAt = this.#passedAt
      if (next !== undefined) this.#passedAt += this.#takesMs(next.bytes)
      first.passed()
      this.#fill(freeAt)
    }
    this.#arm()
  }

  #arm(): void {
    this.#cancel = undefined
    if (this.#first === undefined) return
    this.#cancel = this.#after(Math.max(0, Math.ceil(this.#passedAt) - this.#now()), () => this.#pass())
  }

  get #first(): Segment | undefined {
    return this.#segments[this.#gone]
  }

  #removeFirst(): void {
    this.#gone++
    if (this.#gone < 1_000 && this.#gone < this.#segments.length) return
    this.#segments = this.#segments.slice(this.#gone)
    this.#gone = 0
  }

  #takesMs(bytes: number): number {
    return (1_000 * bytes) / this.#bytesPerSecond
  }
}
