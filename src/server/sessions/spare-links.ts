import type { Link } from "../../session/link.ts"
import type { Runtime } from "../../session/runtime.ts"
import { type Closing, closing } from "../../wire/errors.ts"

/**
 * How long the hub keeps a welcomed link that is not current, because it lost a race or only probed, without a take.
 */
export const SPARE_LINK_MS = 15_000
/** Most welcomed links of one session that are not current. A channel that dials again and again has a few at once. */
export const MAX_SPARE_LINKS = 8

/** A welcomed link that waits to be taken, and the timer that closes it otherwise. */
interface Spare {
  readonly link: Link
  /** The channel that sent its hello. */
  readonly holder: string | undefined
  readonly cancel: () => void
}

const TOO_MANY_LINKS = closing("superseded", "this session has too many links beside the one in use")

/** The welcomed links of a session that are not the current one. Made for the first of them. */
export class SpareLinks {
  readonly #runtime: Runtime
  readonly #refused: (why: Closing, link: Link) => void
  readonly #spares: Spare[] = []

  constructor(runtime: Runtime, refused: (why: Closing, link: Link) => void) {
    this.#runtime = runtime
    this.#refused = refused
  }

  get isEmpty(): boolean {
    return this.#spares.length === 0
  }

  /** A copy, so that links may be deleted during a loop over it. */
  links(): Link[] {
    return this.#spares.map(({ link }) => link)
  }

  /** The links of all channels but this one. */
  linksOfOthers(holder: string): Link[] {
    return this.#spares.filter((spare) => spare.holder !== holder).map(({ link }) => link)
  }

  has(link: Link): boolean {
    return this.#spares.some((spare) => spare.link === link)
  }

  holderOf(link: Link): string | undefined {
    return this.#spares.find((spare) => spare.link === link)?.holder
  }

  /** Keeps a link until it is taken or `SPARE_LINK_MS` have passed. */
  add(link: Link, holder: string | undefined): void {
    const cancel = this.#runtime.after(SPARE_LINK_MS, () => {
      this.delete(link)
      link.close(closing("superseded", "another link of this session is in use"))
    })
    this.#spares.push({ link, holder, cancel })
    const [oldest] = this.#spares
    if (oldest === undefined || this.#spares.length <= MAX_SPARE_LINKS) return
    this.delete(oldest.link)
    oldest.link.close(TOO_MANY_LINKS)
    this.#refused(TOO_MANY_LINKS, oldest.link)
  }

  delete(link: Link): void {
    const index = this.#spares.findIndex((spare) => spare.link === link)
    if (index >= 0) this.#spares.splice(index, 1)[0]?.cancel()
  }

  close(why: Closing): void {
    for (const { link, cancel } of this.#spares) {
      cancel()
      link.close(why)
    }
  }
}
