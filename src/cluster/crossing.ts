import type { Broadcast } from "../server/across.ts"
import type { Clockwork } from "../session/clockwork.ts"
import { bytesOf, type Numbered } from "./room-frames.ts"
import { REACHED_MS } from "./senders.ts"

/** Most bytes of messages that are kept for sessions which may come. Above that the oldest go, and are missed. */
const MAX_KEPT_BYTES = 8_388_608

/** What a process has heard of others: of each the number of its last message to several peers. */
export type HeardUpTo = readonly (readonly [sender: string, number: number])[]

/** Reads what another process has told. Undefined if it is of a version that does not tell it. */
export function readHeardUpTo(told: unknown): HeardUpTo | undefined {
  return Array.isArray(told) ? (told as HeardUpTo) : undefined // another process wrote it
}

export interface CrossingHost {
  readonly clockwork: Clockwork
  /** Number of the last message of this sender that came, or was sent if it is this process. */
  lastOf(sender: string): number
  /** Sends a message of another process to one peer of this one, if it is meant for it. */
  deliverTo(session: string, broadcast: Broadcast): void
}

interface Kept extends Numbered {
  readonly from: string
}

/** Up to which message of a sender a session has them from its former hub. */
interface Ahead {
  readonly number: number
  /** Until when these messages may come here. */
  readonly until: number
}

/**
 * Brings each message to several peers to a session once, while that moves from one process to another. A message reaches the
 * two at different moments. The former owner tells how far it has heard each sender: what is behind that is the new one's to
 * deliver, even if it came before the session, and what is not behind it comes to the new one in vain.
 */
export class Crossing {
  readonly #host: CrossingHost
  /** The sessions that may come, in the order in which they were offered, with the place in `#kept` from which on it counts. */
  readonly #expected = new Map<string, number>()
  #kept: Kept[] = []
  /** How many were removed from the beginning of `#kept`. */
  #gone = 0
  #bytes = 0
  /** By sender and session. */
  readonly #ahead = new Map<string, Map<string, Ahead>>()

  constructor(host: CrossingHost) {
    this.#host = host
  }

  /** Another process may hand this session over: until `came` or `stays`, what is sent to several peers is kept for it. */
  expect(session: string): void {
    this.#expected.set(session, this.#gone + this.#kept.length)
  }

  /** A message to several peers came, or was sent by this process. */
  passed(from: string, { number, broadcast }: Numbered): void {
    if (this.#expected.size === 0) return
    this.#kept.push({ from, number, broadcast })
    this.#bytes += bytesOf(broadcast)
    let over = 0
    for (let bytes = this.#bytes; bytes > MAX_KEPT_BYTES; over++) bytes -= bytesOfKept(this.#kept[over])
    // Not each time, because that would copy all that is kept for each message.
    if (over > this.#kept.length / 2) this.#drop(over)
  }

  /**
   * The session is here, and has from its former hub what that had heard by then. Undefined: nothing is known of that, and what
   * came meanwhile is missed rather than doubled.
   */
  came(session: string, heard: HeardUpTo | undefined): void {
    const { clockwork, lastOf, deliverTo } = this.#host
    const first = this.#expected.get(session)
    const kept = first === undefined || heard === undefined ? [] : this.#kept.slice(Math.max(0, first - this.#gone))
    this.stays(session)
    this.#forgetOld()
    for (const [sender, number] of heard ?? []) {
      if (lastOf(sender) >= number) continue
      const ahead = this.#ahead.get(sender) ?? new Map<string, Ahead>()
      this.#ahead.set(sender, ahead.set(session, { number, until: clockwork.now() + REACHED_MS }))
    }
    const upTo = new Map(heard)
    for (const { from, number, broadcast } of kept) if (number > (upTo.get(from) ?? 0)) deliverTo(session, broadcast)
  }

  /** The session does not come. */
  stays(session: string): void {
    if (!this.#expected.delete(session)) return
    const [first = this.#gone + this.#kept.length] = this.#expected.values()
    this.#drop(first - this.#gone)
  }

  /** The sessions of this process that have this message from their former hub. */
  hadBy(sender: string, number: number): readonly string[] {
    const ahead = this.#ahead.get(sender)
    if (ahead === undefined) return NOBODY
    const had: string[] = []
    for (const [session, { number: last }] of ahead) {
      if (number <= last) had.push(session)
      if (number >= last) ahead.delete(session)
    }
    if (ahead.size === 0) this.#ahead.delete(sender)
    return had
  }

  /** How far a session has the messages of each sender. `here`: how far this process has heard them. */
  heardBy(session: string, here: HeardUpTo): HeardUpTo {
    if (this.#ahead.size === 0) return here
    const upTo = new Map(here)
    for (const [sender, ahead] of this.#ahead) {
      const { number = 0 } = ahead.get(session) ?? {}
      if (number > (upTo.get(sender) ?? 0)) upTo.set(sender, number)
    }
    return [...upTo]
  }

  #drop(count: number): void {
    if (count <= 0) return
    for (const kept of this.#kept.slice(0, count)) this.#bytes -= bytesOfKept(kept)
    this.#kept = this.#kept.slice(count)
    this.#gone += count
  }

  #forgetOld(): void {
    const now = this.#host.clockwork.now()
    for (const [sender, ahead] of this.#ahead) {
      for (const [session, { until }] of ahead) if (now > until) ahead.delete(session)
      if (ahead.size === 0) this.#ahead.delete(sender)
    }
  }
}

const NOBODY: readonly string[] = []

function bytesOfKept(kept: Kept | undefined): number {
  return kept === undefined ? 0 : bytesOf(kept.broadcast)
}
