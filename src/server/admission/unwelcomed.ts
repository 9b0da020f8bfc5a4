import { type Closing, closing } from "../../wire/errors.ts"

const OVER_CAPACITY = closing("over-capacity", "too many links are waiting to be welcomed")

const OVER_SHARE = closing("over-capacity", "too many links of this address are waiting to be welcomed")

/** A link that can be refused. */
interface Refusable {
  refuse(why: Closing): void
}

/** The links of a hub that have not been welcomed yet. */
export class Unwelcomed {
  readonly #links = new Set<Refusable>()
  readonly #perSite = new Map<string, number>()
  readonly #most: number
  readonly #mostPerSite: number

  /**
   * Links whose session is unknown and that may bring another hello. Counted apart, so that many of them at once, as
   * after a restart, keep no other link out.
   */
  readonly disowned: Unwelcomed | undefined

  /** Limits: links in all, and links of one address or network. Disowned links have the same limits, counted apart. */
  constructor(most: number, mostPerSite: number, isDisowned = false) {
    this.#most = most
    this.#mostPerSite = mostPerSite
    this.disowned = isDisowned ? undefined : new Unwelcomed(most, mostPerSite, true)
  }

  get size(): number {
    return this.#links.size + (this.disowned?.size ?? 0)
  }
  /** `site` is the key of the link's address; empty if links are not counted by address. */
  add(link: Refusable, site: string): void {
    this.#links.add(link)
    if (site !== "") this.#perSite.set(site, (this.#perSite.get(site) ?? 0) + 1)
  }
  delete(link: Refusable, site: string): void {
    if (!this.#links.delete(link) || site === "") return
    const left = (this.#perSite.get(site) ?? 1) - 1
    if (left > 0) this.#perSite.set(site, left)
    else this.#perSite.delete(site)
  }
  /** Why a link in this set has to be refused; undefined if there are not too many. */
  refusal(site: string): Closing | undefined {
    if (this.#links.size > this.#most) return OVER_CAPACITY
    return (this.#perSite.get(site) ?? 0) > this.#mostPerSite ? OVER_SHARE : undefined
  }
  /** Refuses all links in this set. */
  refuseAll(why: Closing): void {
    for (const link of [...this.#links]) link.refuse(why)
    this.disowned?.refuseAll(why)
  }
}
