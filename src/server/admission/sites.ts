import type { Clockwork } from "../../session/clockwork.ts"
import { isPrivate, siteOf } from "./address.ts"

/** So many addresses are remembered before those are forgotten that have done nothing for a while. */
const MANY = 1_000

/** What the peers and strangers of one address have done, each as `allowance.ts` says; of IPv6, of one /64 network. */
export class Site {
  /** Messages and bytes. */
  workUntil = 0
  exchangesUntil = 0
  hellosUntil = 0
  /** Calls of `authenticate` that are under way. */
  judging = 0

  isIdle(now: number): boolean {
    return this.judging === 0 && Math.max(this.workUntil, this.exchangesUntil, this.hellosUntil) <= now
  }
}

/** The addresses that are counted. */
export class Sites {
  readonly #sites = new Map<string, Site>()
  readonly #clockwork: Clockwork
  readonly #countsPrivate: boolean
  /** With so many, those are looked for that can be forgotten. */
  #many = MANY

  constructor(clockwork: Clockwork, countsPrivate: boolean) {
    this.#clockwork = clockwork
    this.#countsPrivate = countsPrivate
  }

  /** Undefined for an address that is not counted. */
  at(address: string | undefined): Site | undefined {
    if (address === undefined || address === "" || (!this.#countsPrivate && isPrivate(address))) return undefined
    const name = siteOf(address)
    let site = this.#sites.get(name)
    if (site === undefined) {
      if (this.#sites.size >= this.#many) this.#forgetIdle()
      site = new Site()
      this.#sites.set(name, site)
    }
    return site
  }

  #forgetIdle(): void {
    const now = this.#clockwork.now()
    for (const [name, site] of this.#sites) if (site.isIdle(now)) this.#sites.delete(name)
    this.#many = Math.max(MANY, 2 * this.#sites.size)
  }
}
