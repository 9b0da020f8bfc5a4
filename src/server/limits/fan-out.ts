/** At most so many are counted for one packet: a peer may broadcast a hundred times a second, to however many. */
const MOST_OF_A_PACKET = 3_000
/** A peer may be ahead of its share by so many milliseconds: what piles up is read in one go by those it goes to. */
export const AHEAD_MS = 20

/**
 * How much the hub says because of what one peer sent. Of a broadcast each peer that is sent it counts, and those peers wait
 * for their own answers behind it. So nothing may be saved up: what is too much waits.
 */
export class FanOut {
  /** What has been said so far to all peers: what is more after a packet was heard, its handlers have said. */
  said = 0
  /** What one message takes of the time of the peer that caused it, in milliseconds. */
  readonly #costMs: number

  constructor(mostPerSecond: number) {
    this.#costMs = 1_000 / mostPerSecond
  }

  /** Until when a peer has used its share, now that so many packets of it made the hub say what was said since `before`. */
  spent(until: number, before: number, packets: number, now: number): number {
    return Math.max(until, now) + this.#costMs * Math.min(this.said - before, MOST_OF_A_PACKET * packets)
  }
}
