import type { Alarm, Clockwork, Slot } from "../../session/clockwork.ts"
import { DIAL_DEADLINE_MS } from "../../wire/defaults.ts"
import { type Closing, closing } from "../../wire/errors.ts"
import type { SiteNames } from "../admission/site-names.ts"
import type { WorkLimits } from "../limits/work-limits.ts"
import type { Directory } from "./directory.ts"
import type { HubSession } from "./hub-session.ts"

/** The caps of one hub: on what it keeps, and on what it does. */
export interface Limits extends WorkLimits {
  /** Sessions, with and without a link. */
  readonly maxSessions: number
  /**
   * Sessions of one client's address; of IPv6, of one /64 network. The default does not count those of this machine and of
   * private networks, which are a proxy's more often than a person's; a number that is given counts them too.
   */
  readonly maxSessionsPerAddress: number
  /** Links that have not been welcomed yet. Default 10 000. */
  readonly maxUnwelcomedLinks: number
  /** The same of one client's address, counted like its sessions. Default 500. */
  readonly maxUnwelcomedLinksPerAddress: number
  /**
   * Bytes that the hub keeps for all sessions together, with and without a link: what was said and not acknowledged, parts of
   * messages, what links have not handed on. Default 128 MiB, which suits a heap of 512 MB. What was said to many counts
   * once. Above it those sessions end that hold most and take least, with `over-capacity`.
   */
  readonly maxKeptBytes: number
}

const ENDED_HERE = closing("session-unknown", "the session has ended here")

/** The sessions of a hub by id, how many an address has, and why the last ones ended. */
export class Registry implements Directory {
  readonly #sessions = new Map<string, HubSession>()
  readonly #perAddress = new Map<string, number>()
  /** Why sessions have ended of which a hello may still come. */
  readonly #ended = new Map<string, Ended>()
  /** The same of sessions that were left before their first hello was heard, by id and key. */
  readonly #left = new Map<string, Ended>()
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

  /** Why this session must not begin, if it has ended or was left not long ago. */
  endedWhy(id: string, key: string): Closing | undefined {
    return (this.#ended.get(id) ?? this.#left.get(`${id} ${key}`))?.why
  }

  /**
   * A channel that no hub has welcomed says that it has left. Its hello may still be on its way, or be judged, and must not
   * begin a session. By the key too: who only knows the id cannot keep a channel out.
   */
  left(id: string, key: string, why: Closing): void {
    if (this.#left.size >= this.#limits.maxUnwelcomedLinks) return
    this.#keep(this.#left, `${id} ${key}`, why, DIAL_DEADLINE_MS)
  }

  /** Why one more session of this address cannot be kept. */
  refusal(address: string): Closing | undefined {
    const { maxSessions, maxSessionsPerAddress } = this.#limits
    if (this.#sessions.size >= maxSessions) return closing("over-capacity", "the hub is full")
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
   * Remembers that a session has ended, always: where there is no room for one more, none begins (see `refusal`). A channel dials several links for one session, and a hello that was on its way
   * must not begin it again: its numbers would start again too. A final end is remembered for `finalMs` at least, for the
   * channel that was away when it came.
   */
  remember({ id, session }: HubSession, why: Closing, finalMs: number): void {
    const used = session.said > 0 || session.heard > 0
    if (why.retryable && !used) return
    const told = why.retryable ? ENDED_HERE : why
    const rememberMs = Math.max(why.retryable ? 0 : finalMs, DIAL_DEADLINE_MS)
    this.#keep(this.#ended, id, told, rememberMs)
  }

  /**
   * Forgets an end of which no hello can come any more that would begin its session again: all dials of then are over. What a
   * channel is told that comes back later is less exact then. Whether there was one.
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

/** A session that has ended, until it is forgotten. */
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
