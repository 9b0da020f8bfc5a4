import type { Channel } from "everwire"
import type { NodeHub, Peer } from "everwire/node"

/** Counts of the messages that went in one direction. */
export interface Tally {
  readonly sent: number
  readonly heard: number
  /** Messages that were never heard. */
  readonly lost: number
  /** Repetitions: a message that is heard three times counts two. */
  readonly doubled: number
  /** Messages that were heard for the first time after a later one. */
  readonly outOfOrder: number
}

/** Counts losses in `heard`, for the sent messages 0 to `sent` - 1. */
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

/** Messages in one direction, and when they arrived. */
class Way {
  sent = 0
  readonly heard: unknown[] = []
  /** The longest time between two arrivals in ms, and before the first one. */
  maxGapMs = 0
  #heardAt = performance.now()

  hear(n: unknown): void {
    const now = performance.now()
    this.maxGapMs = Math.max(this.maxGapMs, now - this.#heardAt)
    this.#heardAt = now
    this.heard.push(n)
  }
}

/** The result of a flow. */
export interface Verdict {
  readonly up: Tally
  readonly down: Tally
  /** The longest time without an arrival in either direction, in ms. */
  readonly maxGapMs: number
  /** Sessions that were given up, and peers after the first. Both mean losses that the counts alone might not show. */
  readonly resets: number
}

/** Sends numbered messages in both directions at a steady rate, and records what arrives. */
export class Flow {
  readonly #channel: Channel
  readonly #peer: Peer
  readonly #up = new Way()
  readonly #down = new Way()
  #resets = 0
  #timer: NodeJS.Timeout | undefined
  /** Called on each arrival. */
  #look = (): void => {}

  /** Starts at once. The channel must be open, and `peer` be its peer. */
  constructor(hub: Pick<NodeHub, "on" | "onPeer">, peer: Peer, channel: Channel, perSecond = 200) {
    this.#channel = channel
    this.#peer = peer
    hub.on("n", (n) => this.#heard(this.#up, n))
    hub.onPeer(() => this.#resets++)
    channel.on("n", (n) => this.#heard(this.#down, n))
    channel.onReset(() => this.#resets++)
    const startedAt = performance.now()
    // Timers fire late on a busy machine, so the number of due messages is computed from the clock.
    this.#timer = setInterval(() => {
      const due = Math.floor(((performance.now() - startedAt) * perSecond) / 1000)
      while (this.#up.sent < due) this.#channel.send("n", this.#up.sent++)
      while (this.#down.sent < due) this.#peer.send("n", this.#down.sent++)
    }, 1000 / perSecond)
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  /** Stops sending. Resolves when everything has arrived or at the deadline; the verdict shows which. */
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
    // A repetition that is still on its way arrives before the answer to this flush.
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
