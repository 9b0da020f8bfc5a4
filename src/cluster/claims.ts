import type { Whereabouts } from "../server/cluster.ts"
import { closing, EverwireError } from "../wire/errors.ts"
import type { Hello } from "../wire/handshake.ts"
import type { Backplane } from "./backplane.ts"
import type { Members } from "./members.ts"

/**
 * How long a claim holds, in milliseconds. No hello that was sent before the first welcome is still on its way then, and
 * every later one carries the hub of that welcome.
 */
export const CLAIM_MS = 60_000
/** How long the store may take to answer a claim. A link waits for its welcome for 5 s. */
const STORE_DEADLINE_MS = 2_000
/** A channel that was refused because of the store is to wait so long before it dials again. */
const RETRY_MS = 1_000
/** A channel whose session is on its way to another process is to wait so long. */
const MOVING_MS = 100

const UNAVAILABLE = closing("backplane-unavailable", "the cluster's store does not answer", true, RETRY_MS)

const MOVING = closing("backplane-unavailable", "the session is moving to another process", true, MOVING_MS)

const GONE = "the process that had the session is gone"

export interface ClaimsHost {
  readonly backplane: Backplane
  readonly members: Members
  readonly hub: string
  keyOf(session: string): string
  after(delayMs: number, run: () => void): () => void
  /** Resolves when this process can be heard by the others. */
  readonly joined: Promise<void>
  /** The hub to which this one has handed the session. */
  movedTo(session: string): string | undefined
  /**
   * Whether it is decided where the sessions of a hub that is gone are. Undefined unless sessions are kept in the store. Rejects
   * if the store does not answer.
   */
  readonly isSettled: ((hub: string) => Promise<boolean>) | undefined
  /** If this hub is about to have the session: whether it has it then. */
  arrival(session: string): Promise<boolean> | undefined
  failed(error: unknown): void
}

/**
 * Finds the hub that a session belongs to. After the first welcome, the hello names it. Before, the links that a channel
 * dials at once may reach several processes, and exactly one may begin the session: the first that claims it in the store.
 */
export class Claims {
  readonly #host: ClaimsHost
  /** What gives up each wait for the store. */
  readonly #waiting = new Set<() => void>()

  constructor(host: ClaimsHost) {
    this.#host = host
  }

  find(hello: Hello, isRelayed: boolean): Whereabouts | PromiseLike<Whereabouts> {
    const { id, hub, heard, acked } = hello
    const { movedTo, arrival, isSettled, members } = this.#host
    const arriving = arrival(id)
    if (arriving !== undefined) return this.#await(arriving, hello, isRelayed)
    const owner = movedTo(id)
    if (owner !== undefined) return { owner }
    if (hub === this.#host.hub || (isRelayed && isSettled)) return isSettled && this.#follow(id, this.#host.hub)
    if (hub !== undefined) return members.hasJoined ? this.#judge(hub, id) : this.#judgeSoon(hub, id)
    // It names no hub, and yet was welcomed: nobody can know where.
    if (heard > 0 || acked > 0) return undefined
    return this.#claim(id)
  }

  /** The session is on its way to this process. It mostly takes some milliseconds. */
  async #await(arriving: Promise<boolean>, hello: Hello, isRelayed: boolean): Promise<Whereabouts> {
    let isHere: boolean
    try {
      isHere = await this.inTime(arriving)
    } catch {
      return { refusal: MOVING }
    }
    return isHere ? undefined : await this.find(hello, isRelayed)
  }

  async #judgeSoon(hub: string, session: string): Promise<Whereabouts> {
    try {
      await this.inTime(this.#host.joined)
    } catch {
      return { refusal: UNAVAILABLE }
    }
    return this.#judge(hub, session)
  }

  /** `session`: if given, the store is asked where it is now when its hub is gone or leaves. */
  #judge(hub: string, session?: string): Whereabouts | PromiseLike<Whereabouts> {
    const { members } = this.#host
    const judged = members.judge(hub)
    const verdict = (lives: boolean | undefined): Whereabouts | PromiseLike<Whereabouts> => {
      if (lives === undefined) return { refusal: UNAVAILABLE }
      if (session !== undefined && (!lives || members.leaves(hub))) return this.#follow(session, hub)
      return lives ? { owner: hub } : { disowned: GONE }
    }
    return typeof judged === "object" ? judged.then(verdict) : verdict(judged)
  }

  /** Where a session is that its hub may have handed over, or left behind. */
  async #follow(session: string, former: string): Promise<Whereabouts> {
    const { members, hub, isSettled, failed } = this.#host
    let owner: string | undefined
    try {
      if (isSettled && !members.lives(former) && !(await this.inTime(isSettled(former)))) return { refusal: MOVING }
      owner = await this.claimed(session)
    } catch (error) {
      failed(error)
      // A hub that lives knows where the session is.
      return members.lives(former) ? { owner: former } : { refusal: UNAVAILABLE }
    }
    if (owner === undefined || owner === former) {
      // What this one has let go waits in the store until it has closed.
      if (former === hub) return isSettled && members.isLeaving ? { refusal: MOVING } : undefined
      return members.lives(former) ? { owner: former } : { disowned: GONE }
    }
    // With a store of sessions, those of the owner may be another process's by now.
    if (isSettled && !members.lives(owner)) return await this.#follow(session, owner)
    return owner === hub ? undefined : await this.#judge(owner)
  }

  async #claim(session: string): Promise<Whereabouts> {
    const { backplane, hub, keyOf, joined, isSettled, failed } = this.#host
    try {
      // The others send the links of the session here as soon as they find the claim.
      await this.inTime(joined)
      // A channel that has heard no welcome may have begun a session nevertheless.
      const before = isSettled && (await this.claimed(session))
      if (before !== undefined) return await this.#follow(session, before)
      const owner = await this.inTime(backplane.compareAndSet(keyOf(session), undefined, hub, CLAIM_MS))
      return owner === undefined || owner === hub ? undefined : await this.#judge(owner)
    } catch (error) {
      failed(error)
      return { refusal: UNAVAILABLE }
    }
  }

  /** The hub that has claimed a session, if any has. */
  async claimed(session: string): Promise<string | undefined> {
    return await this.inTime(this.#host.backplane.read(this.#host.keyOf(session)))
  }

  /** @throws EverwireError (as a rejection) `backplane-unavailable` if the store does not answer in time */
  inTime<Kind>(answer: Promise<Kind>): Promise<Kind> {
    return new Promise((resolve, reject) => {
      const giveUp = (): void => {
        cancel()
        this.#waiting.delete(giveUp)
        reject(new EverwireError("backplane-unavailable", "the cluster's store did not answer in time"))
      }
      const cancel = this.#host.after(STORE_DEADLINE_MS, giveUp)
      this.#waiting.add(giveUp)
      answer.then(resolve, reject).finally(giveUp)
    })
  }

  /** Waits for nothing any more. A hub may close before it has joined the others. */
  close(): void {
    for (const giveUp of [...this.#waiting]) giveUp()
  }
}
