import { type Costs, isAllowed, spent, waitMs } from "./allowance.ts"

/** What an address has used up: see `allowance.ts`. All peers that come from it use the same. */
interface SharedSpending {
  workUntil: number
}

/** What a peer has used up of what it, and the address that it came from, may do: see `allowance.ts`. */
export class Spending {
  readonly #costs: Costs
  /** Undefined where the address is not counted. */
  readonly #site: SharedSpending | undefined
  /** Its messages and bytes. */
  #workUntil = 0
  /** Its exchanges. */
  #exchangesUntil = 0

  constructor(costs: Costs, site: SharedSpending | undefined) {
    this.#costs = costs
    this.#site = site
  }

  /** Whether a packet of it may be heard: neither it nor its address has done too much. */
  mayDo(now: number): boolean {
    return isAllowed(this.#workUntil, now) && (this.#site === undefined || isAllowed(this.#site.workUntil, now))
  }

  /** How long it is until one may be, in milliseconds. */
  waitMs(now: number): number {
    const ms = waitMs(this.#workUntil, now)
    return this.#site === undefined ? ms : Math.max(ms, waitMs(this.#site.workUntil, now))
  }

  /** So much is heard now. */
  did(packets: number, bytes: number, now: number): void {
    const { message, byte, share } = this.#costs
    const ms = Math.max(packets * message, bytes * byte)
    this.#workUntil = spent(this.#workUntil, ms, now)
    if (this.#site !== undefined) this.#site.workUntil = spent(this.#site.workUntil, ms / share, now)
  }

  /** One of its links was brought a request. Answers how long to wait before the next, in milliseconds, if it was one too many. */
  exchanged(now: number): number {
    const until = this.#exchangesUntil
    if (!isAllowed(until, now)) return waitMs(until, now)
    this.#exchangesUntil = spent(until, this.#costs.exchange, now)
    return 0
  }
}
