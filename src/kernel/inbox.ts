import { protocolError } from "./errors.ts"

/** What was heard, and how much of it the other side has not been told yet. */
export class Inbox {
  /** Highest number delivered. */
  heard = 0
  /** Packets heard since the last ack went out. */
  owedPackets = 0
  /** Bytes heard since the last ack went out. */
  owedBytes = 0

  /**
   * Whether the packet of this number is news. Older ones were heard already and are dropped; they still are owed an ack,
   * because whoever repeats them has not heard ours.
   *
   * @throws EverwireError `protocol-error` on a gap: an ordered link cannot skip.
   */
  accept(number: number, bytes: number): boolean {
    if (number > this.heard + 1) throw protocolError(`a gap: ${number} after ${this.heard}`)
    this.owedPackets++
    this.owedBytes += bytes
    if (number <= this.heard) return false
    this.heard = number
    return true
  }

  /** An ack has gone out. */
  settle(): void {
    this.owedPackets = 0
    this.owedBytes = 0
  }
}
