import type { Channel } from "everwire"
import type { NodeHub, Peer } from "everwire/node"

/** What became of the messages that went one way. */
export interface Tally {
  readonly sent: number
  readonly heard: number
  /** Never heard. */
  readonly lost: number
  /** Heard once more, each time counted. */
  readonly doubled: number
  /** Heard for the first time after a later one. */
  readonly outOfOrder: number
}

/** Judges what was heard of the messages 0 to `sent` - 1. Pure. */
export function tally(sent: number, heard: readonly unknown[]): Tally {
  const seen = new Set<unknown>()
  let highest = -1
  let doubled = 0
  let outOfOrder = 0
  for (const n of heard) {
    if (typeof n !== "number" || !Number.isInteger(n) || n < 0 || n >= sent) {
      throw new Error(`${String(n)} was heard and never sent: ${sent} were`)
    }
    if (seen.has(n)) doubled++
    else if (n < highest) outOfOrder++
    seen.add(n)
    highest = Math.max(highest, n)
  }
  return { sent, heard: heard.length, lost: sent - seen.size, doubled, outOfOrder }
}

/** Messages that go one way, and when they arrived. */
class Way {
  sent = 0
  readonly heard: unknown[] = []
  /** The longest time between two arrivals, in milliseconds; from the start to the first one too. */
  maxGapMs = 0
  #heardAt = performance.now()

  hear(n: unknown): void {
    const now = performance.now()
    this.maxGapMs = Math.max(this.maxGapMs, now - this.#heardAt)
    this.#heardAt = now
    this.heard.push(n)
  }
}

/** What a flow says of itself when it is over. */
export interface Verdict {
  readonly up: Tally
  readonly down: Tally
  /** Longest silence in either direction while messages flowed, in milliseconds. */
  readonly maxGapMs: number
  /** Sessions that were given up, and peers beyond the first: both are losses that the counts alone could hide. */
  readonly resets: number
}

/** Numbered messages both ways at a steady rate. Judged afterwards, from what arrived. */
export class Flow {
  readonly #channel: Channel
  readonly #peer: Peer
  readonly #up = new Way()
  readonly #down = new Way()
  #resets = 0
  #timer: NodeJS.Timeout | undefined
  /** Called whenever something has arrived. */
  #look = (): void => {}

  /** Begins at once. The channel is open and `peer` is its peer. */
  constructor(hub: NodeHub, peer: Peer, channel: Channel, perSecond = 200) {
    this.#channel = channel
    this.#peer = peer
    hub.on("n", (n) => this.#heard(this.#up, n))
    hub.onPeer(() => this.#resets++)
    channel.on("n", (n) => this.#heard(this.#down, n))
    channel.onReset(() => this.#resets++)
    const startedAt = performance.now()
    // Timers are late on a busy machine: what is due is counted from the clock.
    this.#timer = setInterval(() => {
      const due = Math.floor(((performance.now() - startedAt) * perSecond) / 1000)
      while (this.#up.sent < due) this.#channel.send("n", this.#up.sent++)
      while (this.#down.sent < due) this.#peer.send("n", this.#down.sent++)
    }, 1000 / perSecond)
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  /** Stops, and resolves when everything has arrived, or when it has not by the deadline: the verdict tells. */
  async settled(deadlineMs: number): Promise<Verdict> {
    this.stop()
    await new Promise<void>((resolve) => {
      const deadline = setTimeout(resolve, deadlineMs)
      this.#look = () => {
        if (this.#up.heard.length < this.#up.sent || this.#down.heard.length < this.#down.sent) return
        clearTimeout(deadline)
        resolve()
      }
      this.#look()
    })
    // A repetition that is still on its way comes before the answer to a round trip that begins now.
    await this.#channel.flush().catch(() => {})
    return {
      up: tally(this.#up.sent, this.#up.heard),
      down: tally(this.#down.sent, this.#down.heard),
      maxGapMs: Math.round(Math.max(this.#up.maxGapMs, this.#down.maxGapMs)),
      resets: this.#resets,
    }
  }

  #heard(way: Way, n: unknown): void {
    way.hear(n)
    this.#look()
  }
}
