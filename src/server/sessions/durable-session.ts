import type { Delivery, Unnumbered } from "../../session/delivery/delivery.ts"
import type { Link } from "../../session/link.ts"
import type { Packet } from "../../wire/batch.ts"
import type { Closing } from "../../wire/errors.ts"
import type { ClusterJournal, Journalled, MovedSession, SessionChange, SessionFacts } from "../moved-session.ts"
import { type Described, describeSession, factsOf, snapshotOf } from "./describe-session.ts"
import { HeldLink } from "./held-link.ts"

/** The session that is kept. */
interface Kept extends Described {
  readonly outbox: { after(last: number): Iterable<Packet> }
  /** Ids of the channel's requests that are being answered. */
  readonly answering: readonly string[]
  readonly links: Described["links"] & { readonly isFrozen: boolean; freeze(): void; dismiss(why: Closing): void }
  /** Another process has it. */
  moved(): void
  end(why: Closing): void
}

/**
 * What the journal and a session that is kept in it have to do with each other. The journal asks what is new, and tells when
 * the store has it. Until then waits whatever the session has sent on its links.
 */
export class DurableSession implements Journalled {
  readonly #hubSession: Kept
  readonly #journal: ClusterJournal
  /** What waits until the store has the state that it tells of, oldest first. */
  #waiting: (() => void)[] = []
  /** How many of them wait for the call of the store that is made now. */
  #covered = 0
  /** Whether nothing waits any more: the store is not to learn of what is sent. */
  #isLoose = false
  /** Number of the last packet that the journal was told of. */
  #said = 0
  /** What it was told of the rest. */
  #facts: SessionFacts | undefined
  /** The packets in the lane that it was told of, with the numbers by which they are named there. */
  #lane = new Map<Unnumbered, number>()
  #lastPlace = 0

  constructor(hubSession: Kept, journal: ClusterJournal) {
    this.#hubSession = hubSession
    this.#journal = journal
  }

  get id(): string {
    return this.#hubSession.id
  }

  /** Why nothing can be promised to the channel now. Undefined if it can. */
  get refusal(): Closing | undefined {
    return this.#journal.refusal
  }

  /** The link as the session is to have it. */
  over(link: Link): Link {
    return new HeldLink(link, (run) => this.#hold(run))
  }

  #hold(run: () => void): void {
    if (this.#isLoose) return run()
    this.#waiting.push(run)
    this.changed()
  }

  /** Something has changed that the store is to have. */
  changed(): void {
    if (!this.#isLoose) this.#journal.changed(this)
  }

  /** The session has ended, or another process has taken it. What was sent goes when the store knows that. */
  ended(): void {
    if (!this.#isLoose) this.#journal.ended(this)
  }

  /** The hub closes: the session waits in the store for another process. */
  leave(): void {
    const { links } = this.#hubSession
    if (!links.isFrozen) links.freeze()
    const leave = (): void => this.lost()
    this.#journal.flush(this).then(leave, leave)
  }

  // — called by the journal —

  whole(): MovedSession | undefined {
    this.#covered = this.#waiting.length
    const { session } = this.#hubSession
    if (session.ended) return undefined
    this.#said = session.said
    this.#facts = this.#factsNow()
    this.#lane.clear()
    this.#lastPlace = 0
    this.#placeLane()
    const snapshot = { ...snapshotOf(this.#hubSession), parts: [] }
    return { ...describeSession(this.#hubSession, snapshot), open: this.#facts.open }
  }

  changes(): SessionChange | undefined {
    this.#covered = this.#waiting.length
    const { session, outbox } = this.#hubSession
    if (session.ended) return undefined
    const { heard, acked, lane } = session
    const first = Math.max(this.#said, acked) + 1
    const packets = [...outbox.after(first - 1)]
    this.#said = session.said
    return {
      id: this.id,
      facts: this.#newFacts(),
      heard,
      acked,
      first,
      packets,
      deliveries: [...(lane?.numbered ?? [])].filter(([number]) => number >= first),
      left: this.#leftLane(),
      waits: this.#placeLane(),
    }
  }

  kept(): void {
    for (const run of this.#waiting.splice(0, this.#covered)) run()
    this.#covered = 0
    const { session } = this.#hubSession
    if (session.link !== undefined) session.writable(session.link)
  }

  stalled(why: Closing): void {
    if (this.#hubSession.session.ended) return
    this.#loosen()
    this.#hubSession.links.dismiss(why)
    this.#isLoose = false
  }

  lost(): void {
    this.#loosen()
    this.#hubSession.moved()
  }

  /** What is sent from now on does not wait for the store, nor is it told of it. What waits is not sent. */
  #loosen(): void {
    this.#isLoose = true
    this.#waiting = []
    this.#covered = 0
  }

  refused(why: Closing): void {
    this.#hubSession.end(why)
  }

  #factsNow(): SessionFacts {
    return { ...factsOf(this.#hubSession), open: this.#hubSession.answering }
  }

  /** What differs from what the journal was told. */
  #newFacts(): Partial<SessionFacts> {
    const before = this.#facts
    const now = this.#factsNow()
    this.#facts = now
    const names = Object.keys(now) as (keyof SessionFacts)[] // `factsOf` makes it
    return Object.fromEntries(
      names.filter((name) => !isSame(before?.[name], now[name])).map((name) => [name, now[name]]),
    )
  }

  /** Places of what the journal was told of and is in the lane no more. */
  #leftLane(): number[] {
    if (this.#lane.size === 0) return []
    const now = new Set(this.#hubSession.session.lane?.packets.values())
    const left: number[] = []
    for (const [packet, place] of this.#lane) {
      if (now.has(packet)) continue
      this.#lane.delete(packet)
      left.push(place)
    }
    return left
  }

  /** What is new in the lane. What is volatile goes in this tick or never. */
  #placeLane(): [place: number, packet: Packet, delivery: Delivery | undefined][] {
    const waits: [place: number, packet: Packet, delivery: Delivery | undefined][] = []
    for (const one of this.#hubSession.session.lane?.packets.values() ?? []) {
      if (one.delivery?.volatile || this.#lane.has(one)) continue
      this.#lane.set(one, ++this.#lastPlace)
      waits.push([this.#lastPlace, one.packet, one.delivery])
    }
    return waits
  }
}

/** Lists are compared by what is in them, anything else by identity. */
function isSame(one: unknown, other: unknown): boolean {
  if (!Array.isArray(one) || !Array.isArray(other)) return Object.is(one, other)
  return one.length === other.length && one.every((item, at) => item === other[at])
}
