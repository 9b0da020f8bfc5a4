import type { ClusterHost } from "../server/cluster.ts"
import type { MovedSession, TakenOver } from "../server/moved-session.ts"
import type { Runtime } from "../session/runtime.ts"
import type { Backplane } from "./backplane.ts"
import type { Journal } from "./journal.ts"
import { type Condition, JournalReader, type WholeNote } from "./journal-entries.ts"
import { type JournalKey, type JournalRange, journalKey, logOf, readRange, TAKEN, writeRange } from "./journal-key.ts"
import type { Members } from "./members.ts"

/** How soon it is tried again to take over what a process has left, if the store did not answer, in milliseconds. */
const AGAIN_MS = 1_000
/** Most calls of the store that are made at once. */
const AT_ONCE = 100

export interface HeirsHost {
  readonly backplane: Backplane
  readonly members: Members
  readonly journal: Journal
  readonly runtime: Runtime
  readonly hub: string
  readonly prefix: string
  /** How long the store keeps what is written, in milliseconds. */
  readonly ttlMs: number
  readonly take: ClusterHost["takeOver"]
  /** Whether a session is here. */
  has(session: string): boolean
  /** Whether this process takes no session now. */
  isLeaving(): boolean
  keyOf(session: string): string
  failed(error: unknown): void
}

/** A session that goes on here as soon as the store says so. */
interface Heritage {
  readonly moved: MovedSession
  readonly taken: TakenOver
}

/**
 * Takes over the sessions of processes that are gone, from their journals. Whoever changes the fence first does it: from then
 * on the former owner can add nothing. The sessions go on when they stand in this process's own journal, and only then is the
 * old one dropped: each session is in a journal at every moment. At last the record of each session says where it is.
 */
export class Heirs {
  readonly #host: HeirsHost
  /** The fences of the journals that this process is taking over. */
  readonly #taking = new Set<string>()
  #isOpen = true

  constructor(host: HeirsHost) {
    this.#host = host
  }

  /** A hub is gone. */
  gone(hub: string): void {
    if (!this.#host.members.lives(hub)) this.#settle(hub)
  }

  #settle(hub: string): void {
    if (!this.#isOpen) return
    // A process that has its connection again has not heard yet who lives.
    if (!this.#host.members.isSettled) return this.#again(hub)
    this.isSettled(hub).catch((error: unknown) => {
      this.#host.failed(error)
      this.#again(hub)
    })
  }

  close(): void {
    this.#isOpen = false
  }

  /** Whether the records tell where the sessions of a hub that is gone are. If not, somebody is about to see to that. */
  async isSettled(hub: string): Promise<boolean> {
    const { backplane, members, prefix, ttlMs, hub: own } = this.#host
    for (let generation = 1; ; generation++) {
      const { fence } = journalKey(prefix, hub, generation)
      if (this.#taking.has(fence)) return false
      const value = await backplane.read(fence)
      if (value === undefined) return true
      if (value === TAKEN) continue
      const range = readRange(value)
      const lives = range.owner === own || members.lives(range.owner)
      if (lives && range.owner === hub) return true
      if (range.first > 0 && (!lives || range.owner === own)) this.#begin(hub, generation, range)
      if (lives || range.first > 0) return false
      // The one that took them over is gone too, and they are in its journal.
      if (!(await this.isSettled(range.owner))) return false
      await backplane.compareAndSet(fence, value, TAKEN, ttlMs)
    }
  }

  #begin(hub: string, generation: number, range: JournalRange): void {
    const key = journalKey(this.#host.prefix, hub, generation)
    if (this.#taking.has(key.fence) || this.#host.isLeaving() || !this.#isOpen) return
    this.#taking.add(key.fence)
    this.#take(key, range)
      .catch((error: unknown) => {
        this.#host.failed(error)
        this.#again(hub)
      })
      .finally(() => this.#taking.delete(key.fence))
  }

  #again(hub: string): void {
    this.#host.runtime.after(AGAIN_MS, () => this.#settle(hub))
  }

  async #take(key: JournalKey, from: JournalRange): Promise<void> {
    const { backplane, ttlMs, journal, hub: own } = this.#host
    const change = (before: JournalRange, after: JournalRange): Promise<string | undefined> =>
      backplane.compareAndSet(key.fence, writeRange(before), writeRange(after), ttlMs)
    const mine = { ...from, owner: own }
    if ((await change(from, mine)) !== writeRange(mine)) return // another process was first
    const sessions = await this.#read(key, mine)
    const heritage = await this.#makeRoom(sessions).catch(async (error: unknown) => {
      await change(mine, from) // so that a process with more room can have it
      throw error
    })
    let release = (): void => {}
    let isMine = false
    try {
      await Promise.all(heritage.map(({ moved, taken }) => taken.hold(moved)))
      // They count in this process's journal from the moment at which they do not count in the other one.
      const condition: Condition = { key: key.fence, values: [writeRange(mine)], holds: false }
      release = await journal.put(heritage.map(({ moved: whole }): WholeNote => ({ whole, condition })))
      const done = { owner: own, first: 0, last: 0 }
      isMine = (await this.#certainly(() => change(mine, done))) === writeRange(done)
      for (const { taken } of heritage) {
        if (isMine) taken.begin(undefined)
        else taken.drop()
      }
      if (!isMine) return
      await this.#record(heritage)
      await this.#certainly(() => backplane.compareAndSet(key.fence, writeRange(done), TAKEN, ttlMs))
    } catch (error) {
      if (!isMine) for (const { taken } of heritage) taken.drop()
      throw error
    } finally {
      release()
    }
    for (let log = mine.first; log <= mine.last; log++) await backplane.drop(logOf(key, log))
  }

  /** Calls the store until it answers: without an answer, nobody knows whose the sessions are. */
  async #certainly<Answer>(call: () => Promise<Answer>): Promise<Answer | undefined> {
    while (this.#isOpen) {
      try {
        return await call()
      } catch (error) {
        this.#host.failed(error)
        await new Promise<void>((resolve) => void this.#host.runtime.after(AGAIN_MS, resolve))
      }
    }
    return undefined
  }

  /** The sessions that the logs tell of, as far as they count. */
  async #read(key: JournalKey, { first, last }: JournalRange): Promise<MovedSession[]> {
    const { backplane } = this.#host
    const reader = new JournalReader()
    for (let log = first; log <= last; log++) {
      for (const entry of await backplane.entries(logOf(key, log))) reader.read(entry)
    }
    const sessions: MovedSession[] = []
    const values = new Map<string, Promise<string | undefined>>()
    for (const { moved, condition } of reader.sessions()) {
      if (condition === undefined || (await this.#isMet(condition, values))) sessions.push(moved)
    }
    return sessions
  }

  async #isMet({ key, values, holds }: Condition, read: Map<string, Promise<string | undefined>>): Promise<boolean> {
    const value = read.get(key) ?? this.#host.backplane.read(key)
    read.set(key, value)
    return values.includes((await value) ?? "") === holds
  }

  /** Those that are not here already, because their hub has handed them over. Rejects if there is no room for all of them. */
  async #makeRoom(sessions: readonly MovedSession[]): Promise<Heritage[]> {
    const heritage: Heritage[] = []
    try {
      for (const moved of sessions)
        if (!this.#host.has(moved.id)) heritage.push({ moved, taken: this.#host.take(moved) })
      return heritage
    } catch (error) {
      for (const { taken } of heritage) taken.drop()
      throw error
    }
  }

  /** Writes for each session that it is here. */
  async #record(heritage: readonly Heritage[]): Promise<void> {
    for (let at = 0; at < heritage.length; at += AT_ONCE) {
      await Promise.all(heritage.slice(at, at + AT_ONCE).map(({ moved }) => this.#recordOne(moved.id)))
    }
  }

  async #recordOne(session: string): Promise<void> {
    const { backplane, hub, keyOf, ttlMs } = this.#host
    const key = keyOf(session)
    await this.#certainly(async () => {
      const before = await backplane.compareAndSet(key, undefined, hub, ttlMs)
      if (before !== hub) await backplane.compareAndSet(key, before, hub, ttlMs)
    })
  }
}
