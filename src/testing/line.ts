/** The speed of a network and the size of its queue. A limit that is left out is infinite. */
export interface Limits {
  /** Rate from the channels to the hubs. */
  readonly upBytesPerSecond?: number | undefined
  /** Rate from the hubs to the channels. */
  readonly downBytesPerSecond?: number | undefined
  /**
   * Bytes that the queue of each direction holds, for all links together. A router holds some tens of kilobytes: bytes
   * that find no room wait at their sender and count in the `bufferedBytes` of that link. Without this limit the queue
   * takes everything, as the modem of a phone does, and no link shows that anything waits.
   */
  readonly queueBytes?: number | undefined
}

/** Bytes and batches that have passed a network in one direction. */
export interface Carried {
  readonly bytes: number
  readonly batches: number
}

/** A piece of one sender's bytes. It is small, so that several senders can take turns. */
export interface Segment {
  readonly bytes: number
  /** Called when the segment's last byte has passed the line. */
  passed(): void
}

/** The sending side of one direction of a link, as the line sees it. */
export interface LineSender {
  /** Size of the next segment in bytes; undefined when nothing waits. */
  nextBytes(): number | undefined
  /** Removes the next segment from the sender and returns it. */
  take(): Segment
}

/** Bytes that one sender may send before it is another's turn. A segment is shorter where a batch ends. */
export const SEGMENT_BYTES = 4_096

/**
 * One direction of a slow network, shared by all links. Bytes pass one after another, at the line's rate, in the order
 * in which they entered. Times are kept as fractions of a millisecond, so that many small segments take exactly as long
 * as one large segment.
 */
export class Line {
  readonly #now: () => number
  readonly #after: (delayMs: number, run: () => void) => () => void
  #bytesPerSecond = Number.POSITIVE_INFINITY
  #queueBytes = Number.POSITIVE_INFINITY
  /** The queue, oldest first. The first `#gone` entries have passed already; the entry after them is passing now. */
  #segments: Segment[] = []
  /**
   * Entries of `#segments` that have passed. They are removed many at a time, because each removal moves all the others
   * and a modem's queue can hold a hundred thousand.
   */
  #gone = 0
  #queued = 0
  /** The moment at which the segment that is passing will have passed. */
  #passedAt = 0
  /** Senders that wait for room in the queue, in the order of their turns. */
  readonly #waiting: LineSender[] = []
  #cancel: (() => void) | undefined

  constructor(now: () => number, after: (delayMs: number, run: () => void) => () => void) {
    this.#now = now
    this.#after = after
  }

  /** Whether this direction has a rate. Without one, bytes take no time and are not queued. */
  get limited(): boolean {
    return this.#bytesPerSecond < Number.POSITIVE_INFINITY
  }

  /** Bytes in the queue. */
  get queuedBytes(): number {
    return this.#queued
  }

  /** Changes the rate and the size of the queue from now on. The segment that is passing gets the new rate too. */
  limit(bytesPerSecond: number, queueBytes: number): void {
    const now = this.#now()
    const leftMs = Math.max(0, this.#passedAt - now)
    // A line that had no rate has an empty queue, so no passing segment needs a new time.
    if (leftMs > 0) this.#passedAt = now + (leftMs * this.#bytesPerSecond) / bytesPerSecond
    this.#bytesPerSecond = bytesPerSecond
    this.#queueBytes = queueBytes
    this.#fill(now)
    this.#cancel?.()
    this.#pass()
  }

  /** Tells the line that this sender has bytes to send. */
  offer(sender: LineSender): void {
    if (!this.#waiting.includes(sender)) this.#waiting.push(sender)
    this.#fill(this.#now())
    if (this.#cancel === undefined) this.#arm()
  }

  /**
   * Takes segments from the waiting senders while the queue has room, one segment per sender and turn, as connections
   * share a router's queue. `freeAt`: the moment since which the line has been free, if it is.
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
