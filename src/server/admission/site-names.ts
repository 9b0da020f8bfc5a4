import { isPrivate, siteOf } from "./address.ts"

/** Most addresses that are remembered: with their names they take about 1 MiB. */
const MAX_ADDRESSES = 4_096
/** Length of the longest text of an IPv6 address. A longer text is not remembered. */
const MAX_LENGTH = 45

interface Named {
  readonly address: string
  readonly site: string
}

/**
 * The name by which the clients of an address are counted. It is needed for each HTTP request and takes microseconds to
 * compute, so the names of recent addresses are remembered.
 */
export class SiteNames {
  readonly #countsPrivate: boolean
  readonly #known = new Map<string, Named>()

  constructor(countsPrivate: boolean) {
    this.#countsPrivate = countsPrivate
  }

  /** The address, or for IPv6 its /64 network. Empty if the address is not counted. */
  of(address: string): string {
    return this.#named(address).site
  }

  /** The address as a text that all who have it can share. */
  textOf(address: string): string {
    return this.#named(address).address
  }

  #named(address: string): Named {
    let named = this.#known.get(address)
    if (named === undefined) {
      named = { address, site: !this.#countsPrivate && isPrivate(address) ? "" : siteOf(address) }
      if (this.#known.size >= MAX_ADDRESSES) this.#known.clear()
      if (address.length <= MAX_LENGTH) this.#known.set(address, named)
    }
    return named
  }
}
