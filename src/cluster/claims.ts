import type { Whereabouts } from "../server/cluster.ts"
import { closing, EverwireError } from "../wire/errors.ts"
import type { Hello } from "../wire/handshake.ts"
import type { Backplane } from "./backplane.ts"
import type { Members } from "./members.ts"

/**
 * How long a claim holds, in milliseconds. No hello that was sent before the first welcome is still on its way then, and
 * every later one carries the hub of that welcome.
 */
const CLAIM_MS = 60_000
/** How long the store may take to answer a claim. A link waits for its welcome for 5 s. */
const STORE_DEADLINE_MS = 2_000
/** A channel that was refused because of the store is to wait so long before it dials again. */
const RETRY_MS = 1_000

const UNAVAILABLE = closing("backplane-unavailable", "the cluster's store does not answer", true, RETRY_MS)

const GONE = "the process that had the session is gone"

export interface ClaimsHost {
  readonly backplane: Backplane
  readonly members: Members
  readonly hub: string
  keyOf(session: string): string
  after(delayMs: number, run: () => void): () => void
  /** Resolves when this process can be heard by the others. */
  readonly joined: Promise<void>
  failed(error: unknown): void
}

/**
 * Finds the hub that a session belongs to. After the first welcome, the hello names it. Before, the links that a channel
 * dials at once may reach several processes, and exactly one may begin the session: the first that claims it in the store.
 */
export class Claims {
  readonly #host: ClaimsHost

  constructor(host: ClaimsHost) {
    this.#host = host
  }

  find({ id, hub, heard, acked }: Hello): Whereabouts | PromiseLike<Whereabouts> {
    if (hub === this.#host.hub) return undefined
    if (hub !== undefined) return this.#host.members.hasJoined ? this.#judge(hub) : this.#judgeSoon(hub)
    // It names no hub, and yet was welcomed: nobody can know where.
    if (heard > 0 || acked > 0) return undefined
    return this.#claim(id)
  }

  async #judgeSoon(hub: string): Promise<Whereabouts> {
    try {
      await this.#inTime(this.#host.joined)
    } catch {
      return { refusal: UNAVAILABLE }
    }
    return this.#judge(hub)
  }

  #judge(hub: string): Whereabouts | PromiseLike<Whereabouts> {
    const judged = this.#host.members.judge(hub)
    const verdict = (lives: boolean | undefined): Whereabouts => {
      if (lives === undefined) return { refusal: UNAVAILABLE }
      return lives ? { owner: hub } : { disowned: GONE }
    }
    return typeof judged === "object" ? judged.then(verdict) : verdict(judged)
  }

  async #claim(session: string): Promise<Whereabouts> {
    const { backplane, hub, keyOf, joined, failed } = this.#host
    try {
      // The others send the links of the session here as soon as they find the claim.
      await this.#inTime(joined)
      const owner = await this.#inTime(backplane.compareAndSet(keyOf(session), undefined, hub, CLAIM_MS))
      return owner === undefined || owner === hub ? undefined : await this.#judge(owner)
    } catch (error) {
      failed(error)
      return { refusal: UNAVAILABLE }
    }
  }

  /** The hub that has claimed a session, if any has. */
  async claimed(session: string): Promise<string | undefined> {
    return await this.#inTime(this.#host.backplane.read(this.#host.keyOf(session)))
  }

  #inTime<Kind>(answer: Promise<Kind>): Promise<Kind> {
    return new Promise((resolve, reject) => {
      const cancel = this.#host.after(STORE_DEADLINE_MS, () =>
        reject(new EverwireError("backplane-unavailable", "the cluster's store did not answer in time")),
      )
      answer.then(resolve, reject).finally(cancel)
    })
  }
}
