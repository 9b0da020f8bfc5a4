import type { ClusterHost, ClusterMoves, Moving, TakenOver } from "../server/cluster.ts"
import { EverwireError } from "../wire/errors.ts"
import type { Backplane } from "./backplane.ts"
import { CLAIM_MS, type Claims } from "./claims.ts"
import type { Journal } from "./journal.ts"
import type { Members } from "./members.ts"
import { decodeMoved, decodeSnapshot, encodeMoved, encodeSnapshot } from "./moved-session.ts"
import type { Line, Neighbours, Strand } from "./neighbours.ts"

/** What the two ends of a hand-over say. The process that has the session: */
export const OFFER = 31
const HOLD = 32
const GO = 33
const STAY = 34
/** The process that is to have it: */
const READY = 35
const HELD = 36

/** How long another process may take for an answer, in milliseconds. */
const ANSWER_MS = 2_000
/** Most processes that are asked to take one session. */
const MAX_ASKED = 3
/**
 * A process that is ready for a session and hears nothing more looks into the store this often, so many times. The former
 * owner may change the store for as long as a call of it takes.
 */
const LOOK_MS = 1_000
const MAX_LOOKS = 10

/** What the other process says to an offer. */
class Offer implements Strand {
  line: Line | undefined
  readonly #after: HandOverHost["after"]
  #resolve: (what: number | undefined) => void = () => {}
  #isLost = false

  constructor(after: HandOverHost["after"]) {
    this.#after = after
  }

  /** Whether this is what the other process says next, in time. */
  says(expected: number): Promise<boolean> {
    if (this.#isLost) return Promise.resolve(false)
    return new Promise((resolve) => {
      const cancel = this.#after(ANSWER_MS, () => resolve(false))
      this.#resolve = (what) => {
        cancel()
        resolve(what === expected)
      }
    })
  }

  hear(what: number): void {
    this.#resolve(what)
  }

  lost(): void {
    this.#isLost = true
    this.#resolve(undefined)
  }

  /** The last word. */
  say(what: number, ...args: unknown[]): void {
    this.line?.say(what, ...args)
    this.line?.end()
  }
}

/** A session that another process offers to this one. */
class Offered implements Strand {
  readonly #line: Line
  readonly #host: HandOverHost
  readonly #id: string
  readonly #over: () => void
  #taken: TakenOver | undefined
  #isHeld = false
  #looks = 0
  /** What the journal has of the session counts, or never will. */
  #release = (): void => {}

  constructor(line: Line, host: HandOverHost, taken: TakenOver, id: string, over: () => void) {
    this.#line = line
    this.#host = host
    this.#taken = taken
    this.#id = id
    this.#over = over
  }

  hear(what: number, [bytes]: readonly unknown[]): void {
    if (what === HOLD)
      this.#hold(bytes as Uint8Array).catch(this.#host.failed) // `encodeMoved` of the other process made it
    else if (what === GO && this.#isHeld) this.#go(bytes)
    else this.#stay()
  }

  /** The session stands still at its owner. */
  async #hold(state: Uint8Array): Promise<void> {
    const heard = this.#taken?.hold(decodeMoved(state))
    this.#isHeld = true
    await heard
    const { journal, hub, keyOf } = this.#host
    const condition = { key: keyOf(this.#id), values: [hub], holds: true }
    this.#release = (await journal?.put([{ whole: decodeMoved(state), condition }])) ?? this.#release
    this.#line.say(HELD)
  }

  /** The former owner is gone, or what it said was lost. The store tells whether it had handed the session over. */
  lost(): void {
    if (this.#isHeld) void this.#look()
    else this.#stay()
  }

  async #look(): Promise<void> {
    const { claims, hub, after } = this.#host
    let owner: string | undefined
    try {
      owner = await claims.claimed(this.#id)
    } catch {
      // It is asked again below.
    }
    if (this.#taken === undefined) return
    if (owner === hub && this.#isHeld) return this.#go(undefined)
    if (++this.#looks === MAX_LOOKS) return this.#stay()
    after(LOOK_MS, () => void this.#look())
  }

  #go(last: unknown): void {
    const taken = this.#taken
    this.#end()
    taken?.begin(last instanceof Uint8Array ? decodeSnapshot(last) : undefined)
  }

  #stay(): void {
    const taken = this.#taken
    this.#end()
    taken?.drop()
  }

  #end(): void {
    this.#taken = undefined
    this.#release()
    this.#line.end()
    this.#over()
  }
}

export interface HandOverHost {
  readonly backplane: Backplane
  readonly members: Members
  readonly neighbours: Neighbours
  readonly claims: Claims
  /** Undefined unless the hub is durable. */
  readonly journal: Journal | undefined
  readonly hub: string
  /** How long the hub keeps a session without a link, in milliseconds. */
  readonly resumeMs: number
  readonly take: ClusterHost["takeOver"]
  keyOf(session: string): string
  after(delayMs: number, run: () => void): () => void
  failed(error: unknown): void
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
  readonly #offered = new Set<string>()
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

  /** The process to which this one has handed a session. */
  movedTo(session: string): string | undefined {
    return this.#moved.get(session)
  }

  /** Whether this process may be the owner of a session in a moment. */
  expects(session: string): boolean {
    return this.#offered.has(session)
  }

  move(moving: Moving): void {
    this.#move(moving).catch((error: unknown) => {
      this.#host.failed(error)
      moving.stays()
    })
  }

  async #move(moving: Moving): Promise<void> {
    const { id } = moving
    const state = encodeMoved(moving.describe())
    for (const hub of this.#takers().slice(0, MAX_ASKED)) {
      const offer = new Offer(this.#host.after)
      offer.line = this.#host.neighbours.open(hub, offer, OFFER, id, state)
      if (!(await offer.says(READY)) || moving.isOver) {
        offer.say(STAY)
        continue
      }
      moving.freeze()
      await this.#journalOffer(moving)
      offer.line.say(HOLD, encodeMoved(moving.describe()))
      if (!(await offer.says(HELD))) {
        offer.say(STAY)
        continue
      }
      const isAssigned = !moving.isOver && (await this.#assign(id, hub))
      if (!isAssigned || moving.isOver) {
        offer.say(STAY)
        return moving.stays()
      }
      this.#moved.set(id, hub)
      const last = moving.lastWords()
      offer.say(GO, last && encodeSnapshot(last))
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

  /** Another process offers a session. Undefined if it is refused. */
  offered([session, state]: readonly unknown[], line: Line): Strand | undefined {
    const id = String(session)
    try {
      if (this.#offered.has(id)) throw new EverwireError("misuse", "the session is offered by two processes")
      const taken = this.#host.take(decodeMoved(state as Uint8Array)) // `encodeMoved` of the other process made it
      this.#offered.add(id)
      line.say(READY)
      return new Offered(line, this.#host, taken, id, () => this.#offered.delete(id))
    } catch (error) {
      if (!(error instanceof EverwireError)) this.#host.failed(error)
      return undefined // which tells the other process that nothing takes the session here
    }
  }
}
