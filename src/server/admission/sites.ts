import type { Clockwork } from "../../session/clockwork.ts"
import { SiteNames } from "./site-names.ts"

/** Number of addresses that are kept before idle ones are removed. */
const MANY = 1_000

/**
 * What one address (or IPv6 /64 network) has used, over all its peers and links. The fields `...Until` are as in
 * `allowance.ts`.
 */
export class Site {
  /** For messages and bytes. */
  workUntil = 0
  exchangesUntil = 0
  hellosUntil = 0
  /** Calls of `authenticate` that have not answered yet. */
  judging = 0

  isIdle(now: number): boolean {
    return this.judging === 0 && Math.max(this.workUntil, this.exchangesUntil, this.hellosUntil) <= now
  }
}

/** All addresses that are counted. */
export class Sites {
  /** The names by which addresses are counted. */
  readonly names: SiteNames
  readonly #sites = new Map<string, Site>()
  readonly #clockwork: Clockwork
  /** At this number of addresses, idle ones are removed. */
  #many = MANY

  constructor(clockwork: Clockwork, countsPrivate: boolean) {
    this.#clockwork = clockwork
    this.names = new SiteNames(countsPrivate)
  }

  /** The counts of an address. Undefined if the address is unknown or not counted. */
  at(address: string | undefined): Site | undefined {
    const name = address === undefined ? "" : this.names.of(address)
    if (name === "") return undefined
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
