import { type Costs, isAllowed, spent, waitMs } from "./allowance.ts"
import { AHEAD_MS, type FanOut } from "./fan-out.ts"

/** What the peers of one address have used together: see `allowance.ts`. */
interface SharedSpending {
  workUntil: number
}

/** What the hub's peers share: costs, and the count of messages that the hub sent. */
interface SpendingHost {
  readonly costs: Costs
  readonly fanOut: FanOut
}

/** What one peer has used of its own allowance and of its address's: see `allowance.ts`. */
export class Spending {
  readonly #host: SpendingHost
  /** Undefined if the address is not counted. */
  readonly #site: SharedSpending | undefined
  /** For messages and bytes. */
  #workUntil = 0
  /** For HTTP requests. */
  #exchangesUntil = 0
  /** For messages that the hub sent because of this peer. */
  #fanOutUntil = 0

  constructor(host: SpendingHost, site: SharedSpending | undefined) {
    this.#host = host
    this.#site = site
  }

  /**
   * Whether a packet of the peer may be handled now: neither the peer nor its address nor the fan-out is over its
   * limit.
   */
  mayDo(now: number): boolean {
    return (
      isAllowed(this.#workUntil, now) &&
      this.#fanOutUntil <= now + AHEAD_MS &&
      (this.#site === undefined || isAllowed(this.#site.workUntil, now))
    )
  }

  /** Milliseconds until a packet may be handled. */
  waitMs(now: number): number {
    const ms = Math.max(waitMs(this.#workUntil, now), this.#fanOutUntil - now - AHEAD_MS)
    return this.#site === undefined ? ms : Math.max(ms, waitMs(this.#site.workUntil, now))
  }

  /** Counts packets and bytes that are handled now. */
  did(packets: number, bytes: number, now: number): void {
    const { message, byte, share } = this.#host.costs
    const ms = Math.max(packets * message, bytes * byte)
    this.#workUntil = spent(this.#workUntil, ms, now)
    if (this.#site !== undefined) this.#site.workUntil = spent(this.#site.workUntil, ms / share, now)
  }

  /** Counts the messages that the hub sent since `before`, because `packets` packets of the peer were handled. */
  caused(before: number, packets: number, now: number): void {
    const { fanOut } = this.#host
    if (fanOut.said > before) this.#fanOutUntil = fanOut.spent(this.#fanOutUntil, before, packets, now)
  }

  /** Counts one HTTP request on the peer's links. Returns 0, or the milliseconds to wait if there were too many. */
  exchanged(now: number): number {
    const until = this.#exchangesUntil
    if (!isAllowed(until, now)) return waitMs(until, now)
    this.#exchangesUntil = spent(until, this.#host.costs.exchange, now)
    return 0
  }
}
