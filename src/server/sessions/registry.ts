import type { Alarm, Clockwork, Slot } from "../../session/clockwork.ts"
import { DIAL_DEADLINE_MS } from "../../wire/defaults.ts"
import { type Closing, closing } from "../../wire/errors.ts"
import type { SiteNames } from "../admission/site-names.ts"
import type { WorkLimits } from "../limits/work-limits.ts"
import type { Directory } from "./directory.ts"
import type { HubSession } from "./hub-session.ts"

/** Limits of one hub: on what it keeps, and on how much it does. */
export interface Limits extends WorkLimits {
  /** Most sessions, with and without a link. */
  readonly maxSessions: number
  /**
   * Most sessions of one client address; for IPv6, of one /64 network. By default, loopback and private addresses are
   * not limited, because they belong to proxies more often than to clients. If this option is set, they are.
   */
  readonly maxSessionsPerAddress: number
  /** Most links without a welcome. Default 10 000. */
  readonly maxUnwelcomedLinks: number
  /** Most links without a welcome of one client address, counted like its sessions. Default 500. */
  readonly maxUnwelcomedLinksPerAddress: number
  /**
   * Most bytes that the hub keeps for all sessions, with and without a link: packets that are not acknowledged, parts
   * of packets, items that no loop has read, and data that links have not sent. A broadcast counts once. Default 128 MiB,
   * which suits a heap of 512 MB. Above it the hub ends sessions with `over-capacity`, first those that keep most and whose channels acknowledge
   * least.
   */
  readonly maxKeptBytes: number
}

const ENDED_HERE = closing("session-unknown", "the session has ended here")

/** The sessions of a hub by id, their number for each address, and why the last ones ended. */
export class Registry implements Directory {
  readonly #sessions = new Map<string, HubSession>()
  readonly #perAddress = new Map<string, number>()
  /** Sessions that ended not long ago: a hello for one of them may still come. By session id. */
  readonly #ended = new Map<string, Ended>()
  /** Sessions whose channel left before the hub heard its first hello. By session id and key. */
  readonly #left = new Map<string, Ended>()
  /** How many sessions of other processes there is to be room for. */
  reserved = 0
  readonly #clockwork: Clockwork
  readonly #limits: Limits
  readonly #siteNames: SiteNames

  constructor(clockwork: Clockwork, limits: Limits, siteNames: SiteNames) {
    this.#clockwork = clockwork
    this.#limits = limits
    this.#siteNames = siteNames
  }

  get size(): number {
    return this.#sessions.size
  }

  find(id: string): ReturnType<Directory["find"]> {
    return this.#sessions.get(id)
  }

  get(id: string): HubSession | undefined {
    return this.#sessions.get(id)
  }

  all(): IterableIterator<HubSession> {
    return this.#sessions.values()
  }

  /** Why this session must not begin; undefined unless it ended, or its channel left, not long ago. */
  endedWhy(id: string, key: string): Closing | undefined {
    return (this.#ended.get(id) ?? this.#left.get(`${id} ${key}`))?.why
  }

  /**
   * A channel without a welcome says that it has left. Its hello may still be on the way or being judged, and must not
   * begin a session. The key is compared too, so that knowing only the id is not enough to keep a channel out.
   */
  left(id: string, key: string, why: Closing): void {
    if (this.#left.size >= this.#limits.maxUnwelcomedLinks) return
    this.#keep(this.#left, `${id} ${key}`, why, DIAL_DEADLINE_MS)
  }

  /** Why the hub cannot keep another session of this address; undefined if it can. */
  refusal(address: string): Closing | undefined {
    const { maxSessions, maxSessionsPerAddress } = this.#limits
    if (this.#sessions.size + this.reserved >= maxSessions) return closing("over-capacity", "the hub is full")
    if (this.#ended.size >= maxSessions && !this.#forgetOldest()) {
      return closing("over-capacity", "too many sessions have ended a moment ago")
    }
    const site = this.#siteNames.of(address)
    if (site !== "" && (this.#perAddress.get(site) ?? 0) >= maxSessionsPerAddress) {
      return closing("over-capacity", "too many sessions from this address")
    }
    return undefined
  }

  add(hubSession: HubSession): void {
    this.#sessions.set(hubSession.id, hubSession)
    const site = this.#siteNames.of(hubSession.address)
    if (site !== "") this.#perAddress.set(site, (this.#perAddress.get(site) ?? 0) + 1)
  }

  remove(hubSession: HubSession): void {
    if (this.#sessions.get(hubSession.id) !== hubSession) return
    this.#sessions.delete(hubSession.id)
    const site = this.#siteNames.of(hubSession.address)
    const left = (this.#perAddress.get(site) ?? 1) - 1
    if (left > 0) this.#perAddress.set(site, left)
    else this.#perAddress.delete(site)
  }

  /**
   * Remembers that a session has ended. A channel dials several links for one session, and a hello that is still on the
   * way must not begin the session again, because its numbers would start again too. There is always room for one more:
   * if there were none, `refusal` would let no session begin. An end that is not retryable is remembered for at least
   * `finalMs`, for a channel that was away when it happened.
   */
  remember({ id, session }: HubSession, why: Closing, finalMs: number): void {
    const used = session.said > 0 || session.heard > 0
    if (why.retryable && !used) return
    const told = why.retryable ? ENDED_HERE : why
    const rememberMs = Math.max(why.retryable ? 0 : finalMs, DIAL_DEADLINE_MS)
    this.#keep(this.#ended, id, told, rememberMs)
  }

  /**
   * Forgets the oldest end, if every dial from before it is over, so that no hello can begin the session again. A
   * channel that comes back later gets a less exact answer then. Returns whether an end was forgotten.
   */
  #forgetOldest(): boolean {
    for (const [name, ended] of this.#ended) {
      if (ended.endedAt + DIAL_DEADLINE_MS > this.#clockwork.now()) return false
      this.#ended.delete(name)
      this.#clockwork.clear(ended)
      return true
    }
    return false
  }

  #keep(all: Map<string, Ended>, name: string, why: Closing, ms: number): void {
    const ended = new Ended(all, name, why, this.#clockwork.now())
    all.set(name, ended)
    this.#clockwork.set(ended, this.#clockwork.now() + ms)
  }

  close(): void {
    for (const all of [this.#ended, this.#left]) {
      for (const ended of all.values()) this.#clockwork.clear(ended)
      all.clear()
    }
  }
}

/** A session that has ended. Its alarm makes the registry forget it. */
class Ended implements Alarm {
  readonly why: Closing
  readonly endedAt: number
  slot: Slot | undefined
  readonly #all: Map<string, Ended>
  readonly #name: string

  constructor(all: Map<string, Ended>, name: string, why: Closing, endedAt: number) {
    this.endedAt = endedAt
    this.#all = all
    this.#name = name
    this.why = why
  }

  ring(): void {
    if (this.#all.get(this.#name) === this) this.#all.delete(this.#name)
  }
}
