import { type Costs, isAllowed, spent, waitMs } from "./allowance.ts"
import { AHEAD_MS, type FanOut } from "./fan-out.ts"

/** What an address has used up: see `allowance.ts`. All peers that come from it use the same. */
interface SharedSpending {
  workUntil: number
}

/** What the hub counts by, for all peers. */
interface SpendingHost {
  readonly costs: Costs
  readonly fanOut: FanOut
}

/** What a peer has used up of what it, and the address that it came from, may do: see `allowance.ts`. */
export class Spending {
  readonly #host: SpendingHost
  /** Undefined where the address is not counted. */
  readonly #site: SharedSpending | undefined
  /** Its messages and bytes. */
  #workUntil = 0
  /** Its exchanges. */
  #exchangesUntil = 0
  /** What it made the hub say. */
  #fanOutUntil = 0

  constructor(host: SpendingHost, site: SharedSpending | undefined) {
    this.#host = host
    this.#site = site
  }

  /** Whether a packet of it may be heard: neither it nor its address has done too much, nor has it made the hub say too much. */
  mayDo(now: number): boolean {
    return (
      isAllowed(this.#workUntil, now) &&
      this.#fanOutUntil <= now + AHEAD_MS &&
      (this.#site === undefined || isAllowed(this.#site.workUntil, now))
    )
  }

  /** How long it is until one may be, in milliseconds. */
  waitMs(now: number): number {
    const ms = Math.max(waitMs(this.#workUntil, now), this.#fanOutUntil - now - AHEAD_MS)
    return this.#site === undefined ? ms : Math.max(ms, waitMs(this.#site.workUntil, now))
  }

  /** So much is heard now. */
  did(packets: number, bytes: number, now: number): void {
    const { message, byte, share } = this.#host.costs
    const ms = Math.max(packets * message, bytes * byte)
    this.#workUntil = spent(this.#workUntil, ms, now)
    if (this.#site !== undefined) this.#site.workUntil = spent(this.#site.workUntil, ms / share, now)
  }

  /** So many packets were heard, and made the hub say what it said since `before`. */
  caused(before: number, packets: number, now: number): void {
    const { fanOut } = this.#host
    if (fanOut.said > before) this.#fanOutUntil = fanOut.spent(this.#fanOutUntil, before, packets, now)
  }

  /** One of its links was brought a request. Answers how long to wait before the next, in milliseconds, if it was one too many. */
  exchanged(now: number): number {
    const until = this.#exchangesUntil
    if (!isAllowed(until, now)) return waitMs(until, now)
    this.#exchangesUntil = spent(until, this.#host.costs.exchange, now)
    return 0
  }
}
