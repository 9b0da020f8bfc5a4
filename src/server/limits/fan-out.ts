/** Most messages that count for one packet, so that a peer may broadcast 100 times a second to any number of peers. */
const MOST_OF_A_PACKET = 3_000
/**
 * How far ahead of its share a peer may be, in milliseconds. More would pile up in front of the peers that receive it.
 */
export const AHEAD_MS = 20

/**
 * Limits the messages that the hub sends because of one peer. A broadcast counts once for each peer that receives it,
 * because those peers' own answers wait behind it. Unused allowance cannot be saved up; what is over the limit waits.
 */
export class FanOut {
  /** Messages sent to all peers so far. If it grows while a packet is handled, the packet's handlers sent them. */
  said = 0
  /** What one message costs the peer that caused it, in milliseconds of its allowance. */
  readonly #costMs: number

  constructor(mostPerSecond: number) {
    this.#costMs = 1_000 / mostPerSecond
  }

  /**
   * The moment when the peer's allowance is full again, after `packets` packets made the hub send what it sent since
   * `before`.
   */
  spent(until: number, before: number, packets: number, now: number): number {
    return Math.max(until, now) + this.#costMs * Math.min(this.said - before, MOST_OF_A_PACKET * packets)
  }
}
