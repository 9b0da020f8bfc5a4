import type { ClusterHost } from "../server/cluster.ts"
import type { ClusterMoves, Moving } from "../server/moved-session.ts"
import { EverwireError } from "../wire/errors.ts"
import type { Backplane } from "./backplane.ts"
import { CLAIM_MS } from "./claims.ts"
import type { Members } from "./members.ts"
import { decodeMoved, encodeLastWords, encodeMoved } from "./moved-session.ts"
import type { Line, Neighbours, Strand } from "./neighbours.ts"
import { BEGUN, GO_AGAIN, HELD, HOLD, OFFER, Offer, READY, STAY } from "./offer.ts"
import { LOOK_MS, Offered, type OfferedHost } from "./offered.ts"

/** Most processes that are asked to take one session. */
const MAX_ASKED = 3
/**
 * How often a process is told to go on with a session until it says that it does, once in a second. That is longer than the other
 * process takes to notice that it hears nothing, and to go on by itself.
 */
const MAX_TOLD = 18

/** So many sessions are remembered with which this process has gone on by itself. */
const MAX_UNTOLD = 10_000

export interface HandOverHost extends OfferedHost {
  readonly backplane: Backplane
  readonly members: Members
  readonly neighbours: Neighbours
  /** How long the hub keeps a session without a link, in milliseconds. */
  readonly resumeMs: number
  readonly take: ClusterHost["takeOver"]
}

/**
 * Hands sessions of this process to others, and takes those of others.
 *
 * The session stands still at its owner before it is told to the other process. The store decides who has it: the owner puts
 * the other process in its own place there, and only then tells it to go on. So there is one owner at every moment, whatever
 * is lost on the way.
 */
export class HandOver implements ClusterMoves {
  readonly #host: HandOverHost
  /** Where the sessions are that this process has handed over. */
  readonly #moved = new Map<string, string>()
  /** The sessions that this process is ready for. */
  readonly #offered = new Map<string, Offered>()
  /** The sessions with which this process has gone on by itself, because it was not told what was said last. */
  readonly #untold = new Set<string>()
  /** Each resolves when another process goes on with a session. */
  readonly #telling = new Set<Promise<void>>()
  /** Offers of which the store has not said yet whether the other process has the session. */
  readonly #unclear = new Set<Offer>()
  #isClosed = false
  /** What ends each pause before the store is asked again. */
  readonly #pauses = new Set<() => void>()
  /** Whose turn it is to take a session. */
  #turn = 0

  constructor(host: HandOverHost) {
    this.#host = host
  }

  leaving(): void {
    this.#host.members.leave()
  }

  get hasTaker(): boolean {
    return this.#takers().length > 0
  }

  get isExpecting(): boolean {
    return this.#offered.size > 0
  }

  /** The process to which this one has handed a session. */
  movedTo(session: string): string | undefined {
    return this.#moved.get(session)
  }

  /** Whether this process may be the owner of a session in a moment. */
  expects(session: string): boolean {
    return this.#offered.has(session)
  }

  /** If this process may be the owner of a session in a moment: whether it is then. */
  arrival(session: string): Promise<boolean> | undefined {
    return this.#offered.get(session)?.arrival()
  }

  move(moving: Moving): void {
    this.#move(moving).catch((error: unknown) => {
      this.#host.failed(error)
      moving.stays()
    })
  }

  async #move(moving: Moving): Promise<void> {
    const { id } = moving
    const { peers } = this.#host
    const state = encodeMoved(moving.describe())
    const asked = new Set<string>()
    while (asked.size < MAX_ASKED) {
      // Chosen anew each time: those that were there at first may have gone, or leave by now.
      const hub = this.#takers().find((taker) => !asked.has(taker))
      if (hub === undefined) break
      asked.add(hub)
      const offer = new Offer(this.#host.after)
      offer.line = this.#host.neighbours.open(hub, offer, OFFER, id, state)
      if (!(await offer.says(READY)) || moving.isOver) {
        offer.say(STAY)
        continue
      }
      moving.freeze()
      await this.#journalOffer(moving)
      offer.line.say(HOLD, encodeMoved(moving.describe()), peers.heardBy(id))
      if (!(await offer.says(HELD))) {
        offer.say(STAY)
        continue
      }
      this.#unclear.add(offer)
      const isAssigned = !moving.isOver && (await this.#assignSurely(moving, hub))
      this.#unclear.delete(offer)
      if (!isAssigned || moving.isOver) {
        offer.say(STAY)
        return moving.stays()
      }
      this.#moved.set(id, hub)
      const telling = this.#tell(offer, hub, id, [encodeLastWords(moving.lastWords()), peers.heardBy(id)])
      this.#telling.add(telling)
      void telling.then(() => this.#telling.delete(telling))
      return moving.moved()
    }
    moving.stays()
  }

  /** The session stands in the journals of two processes now. The store decides which of them counts. */
  async #journalOffer({ id, journalled }: Moving): Promise<void> {
    const { journal, hub, keyOf } = this.#host
    if (journalled === undefined) return
    await journal?.offer(journalled, { key: keyOf(id), values: ["", hub], holds: true })
  }

  /** Tells the other process to go on, until it says that it does. What was said last must not be lost on the way. */
  async #tell(offer: Offer, hub: string, id: string, last: readonly unknown[]): Promise<void> {
    const { after, members, neighbours, failed } = this.#host
    const offers = [offer]
    let has = await offer.goes(last)
    while (!has && offers.length < MAX_TOLD && !this.#isClosed) {
      const again = new Offer(after)
      again.line = neighbours.open(hub, again, GO_AGAIN, id, ...last)
      offers.push(again)
      void again.says(BEGUN).then((begun) => {
        has ||= begun
      })
      await this.#pause()
    }
    for (const told of offers) told.end()
    if (has || (members.isSettled && !members.lives(hub))) return
    const reason = "another process has a session of this one, and may not know what was said to its peer last"
    failed(new EverwireError("backplane-unavailable", reason))
  }

  /** Resolves when all processes go on with the sessions that this one has handed to them, as far as that can be known. */
  async settled(): Promise<void> {
    await Promise.all(this.#telling)
  }

  /**
   * As `#assign`. Asks again while the store does not answer: it may have made the change, and then the other process has
   * the session as soon as it looks. When the time of the drain is over, the session ends here.
   */
  async #assignSurely(moving: Moving, to: string): Promise<boolean> {
    for (let tries = 0; !moving.isOver; tries++) {
      try {
        return await this.#assign(moving.id, to)
      } catch (error) {
        if (tries === 0) this.#host.failed(error)
      }
      if (!moving.isOver) await this.#pause()
    }
    return false
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        cancel()
        this.#pauses.delete(end)
        resolve()
      }
      const cancel = this.#host.after(LOOK_MS, end)
      this.#pauses.add(end)
    })
  }

  /** Puts the other process in this one's place. Returns false if the store does not say that it did. */
  async #assign(session: string, to: string): Promise<boolean> {
    const { backplane, hub, keyOf, resumeMs, claims } = this.#host
    const set = (from: string | undefined): Promise<string | undefined> =>
      claims.inTime(backplane.compareAndSet(keyOf(session), from, to, resumeMs + CLAIM_MS))
    const owner = await set(undefined)
    return owner === to || (owner === hub && (await set(hub)) === to)
  }

  /** Those that stay, beginning with another one each time. */
  #takers(): readonly string[] {
    const takers = [...this.#host.members.hubs].filter((hub) => !this.#host.members.leaves(hub))
    const first = takers.length > 0 ? this.#turn++ % takers.length : 0
    return [...takers.slice(first), ...takers.slice(0, first)]
  }

  /** Another process has handed a session to this one, and tells it once more. */
  toldAgain([session, last, heard]: readonly unknown[], line: Line): void {
    const id = String(session)
    this.#offered.get(id)?.go(last, heard)
    line.say(this.#untold.has(id) ? STAY : BEGUN)
    line.end()
  }

  #goneOnUntold(session: string): void {
    this.#untold.add(session)
    const [oldest] = this.#untold
    if (this.#untold.size > MAX_UNTOLD && oldest !== undefined) this.#untold.delete(oldest)
  }

  /** The hub closes. */
  close(): void {
    this.#isClosed = true
    // All sessions have ended here, so nobody is to go on with them.
    for (const offer of this.#unclear) offer.say(STAY)
    for (const offered of [...this.#offered.values()]) offered.close()
    for (const end of [...this.#pauses]) end()
  }

  /** Another process offers a session. Undefined if it is refused. */
  offered([session, state]: readonly unknown[], line: Line): Strand | undefined {
    const id = String(session)
    try {
      if (this.#offered.has(id)) throw new EverwireError("misuse", "the session is offered by two processes")
      const taken = this.#host.take(decodeMoved(state as Uint8Array)) // `encodeMoved` of the other process made it
      const offered = new Offered(line, this.#host, taken, id, (wasTold) => {
        this.#offered.delete(id)
        if (!wasTold) this.#goneOnUntold(id)
      })
      this.#offered.set(id, offered)
      this.#untold.delete(id)
      line.say(READY)
      return offered
    } catch (error) {
      if (!(error instanceof EverwireError)) this.#host.failed(error)
      return undefined // which tells the other process that nothing takes the session here
    }
  }
}
