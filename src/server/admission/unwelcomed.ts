import { type Closing, closing } from "../../wire/errors.ts"

const OVER_CAPACITY = closing("over-capacity", "too many links are waiting to be welcomed")

const OVER_SHARE = closing("over-capacity", "too many links of this address are waiting to be welcomed")

/** A link that may be told to go. */
interface Refusable {
  refuse(why: Closing): void
}

/** The links of a hub that have not been welcomed. */
export class Unwelcomed {
  readonly #links = new Set<Refusable>()
  readonly #perSite = new Map<string, number>()
  readonly #most: number
  readonly #mostPerSite: number

  /** Those whose session is not known, and which may bring another hello. Counted apart: a herd of them keeps nobody out. */
  readonly disowned: Unwelcomed | undefined

  /** So many at most, and of one address or network; and as many that are disowned. */
  constructor(most: number, mostPerSite: number, isDisowned = false) {
    this.#most = most
    this.#mostPerSite = mostPerSite
    this.disowned = isDisowned ? undefined : new Unwelcomed(most, mostPerSite, true)
  }

  get size(): number {
    return this.#links.size + (this.disowned?.size ?? 0)
  }
  /** `site` is what the link is counted by beside all others; empty where it is not. */
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
  /** Why one that is among them has to go. */
  refusal(site: string): Closing | undefined {
    if (this.#links.size > this.#most) return OVER_CAPACITY
    return (this.#perSite.get(site) ?? 0) > this.#mostPerSite ? OVER_SHARE : undefined
  }
  /** Nobody is let in any more. */
  refuseAll(why: Closing): void {
    for (const link of [...this.#links]) link.refuse(why)
    this.disowned?.refuseAll(why)
  }
}
