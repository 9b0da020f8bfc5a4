import type { ClusterJournal, Journalled, MovedSession } from "../server/moved-session.ts"
import { type Closing, closing, EverwireError } from "../wire/errors.ts"
import { type Condition, encodeEntry, type Note, type WholeNote } from "./journal-entries.ts"
import { JournalLogs, type JournalLogsHost } from "./journal-logs.ts"
import { encodePrincipal } from "./told-principal.ts"

/** A journal to which nothing was added for so long adds an empty entry, so that its lease goes on, in milliseconds. */
const RENEW_MS = 1_000
/** Most sessions of one entry. */
const ENTRY_SESSIONS = 500
/** At least so many sessions of the oldest log are written anew with each entry, until it can be dropped. */
const REWRITTEN = 8
/** How long `close` waits for the store, in milliseconds. */
const CLOSE_MS = 3_000

const UNWRITABLE = closing(
  "payload-unsupported",
  "the principal is no plain data, so the session cannot be kept",
  false,
)

const CLOSED = new EverwireError("closed", "the hub is closed")

/** Somebody who waits until something is in the store: of one session, or all. */
interface Waiter {
  readonly session?: Journalled
  resolve(): void
  reject(error: Error): void
}

/** Notes that go with the next entry, of sessions that are not this hub's yet. */
interface Guests {
  readonly notes: readonly Note[]
  resolve(release: () => void): void
  reject(error: Error): void
}

/**
 * The journal of this process: what another one needs to go on with its sessions. What has changed in a tick, of all sessions,
 * is one entry, and one is added at a time: while the store takes it, the next one gathers.
 */
export class Journal implements ClusterJournal {
  readonly #host: JournalLogsHost
  readonly #logs: JournalLogs
  /** The sessions in the journal, in the order in which they were written as a whole, with the number of that log. */
  readonly #bases = new Map<Journalled, number>()
  /** Those that other processes are asked to take: when what is written here counts. */
  readonly #offers = new Map<Journalled, Condition>()
  /** Those of them that are not written so yet. */
  readonly #unconditional = new Set<Journalled>()
  readonly #changed = new Set<Journalled>()
  readonly #ended = new Set<Journalled>()
  #guests: Guests[] = []
  /** The logs that have notes of guests, which may become sessions of this hub. */
  readonly #guestLogs = new Set<{ readonly log: number }>()
  #waiters: Waiter[] = []
  /** Number of the last entry. */
  #number = 0
  #isRunning = false
  #isClosed = false
  #cancelRenewal = (): void => {}

  constructor(host: JournalLogsHost) {
    this.#host = host
    this.#logs = new JournalLogs(host, (why) => this.#stalled(why))
  }

  get refusal(): Closing | undefined {
    return this.#logs.refusal
  }

  /** Begins as soon as the store can be reached. */
  open(): void {
    this.#soon()
    this.#renewLater()
  }

  changed(session: Journalled): void {
    if (this.#isClosed || this.#ended.has(session)) return
    this.#changed.add(session)
    this.#soon()
  }

  ended(session: Journalled): void {
    this.#changed.delete(session)
    this.#ended.add(session)
    this.#soon()
  }

  flush(session: Journalled): Promise<void> {
    this.changed(session)
    return this.#written(session)
  }

  /** Another process may take the session: what is written of it from now on counts under a condition. */
  offer(session: Journalled, condition: Condition): Promise<void> {
    this.#offers.set(session, condition)
    this.#unconditional.add(session)
    return this.flush(session)
  }

  #written(session?: Journalled): Promise<void> {
    if (this.#isClosed) return Promise.reject(CLOSED)
    return new Promise((resolve, reject) => {
      this.#waiters.push({ ...(session && { session }), resolve, reject })
      this.#soon()
    })
  }

  /**
   * Writes what counts only if another process hands these sessions over. Resolves when the store has it, with a function to
   * call when that is decided. Rejects if this process has lost its journal.
   */
  put(notes: readonly WholeNote[]): Promise<() => void> {
    if (this.#isClosed) return Promise.reject(CLOSED)
    return new Promise((resolve, reject) => {
      this.#guests.push({ notes, resolve, reject })
      this.#soon()
    })
  }

  async close(): Promise<void> {
    this.#cancelRenewal()
    const { runtime, failed } = this.#host
    let cancel = (): void => {}
    const late = new Promise<void>((resolve) => {
      cancel = runtime.after(CLOSE_MS, resolve)
    })
    await Promise.race([this.#written().catch(failed), late])
    cancel()
    this.#isClosed = true
    this.#logs.close()
    // What is left waits for another process. Of an empty journal nothing is kept.
    if (this.#bases.size === 0) await this.#logs.remove().catch(failed)
    this.#refuseAll(CLOSED)
  }

  #soon(): void {
    if (this.#isRunning || this.#isClosed) return
    this.#isRunning = true
    this.#host.runtime.soon(() => void this.#run())
  }

  get #hasNews(): boolean {
    return this.#changed.size + this.#ended.size + this.#guests.length + this.#waiters.length > 0
  }

  async #run(): Promise<void> {
    try {
      while (!this.#isClosed && (this.#hasNews || !this.#logs.isOpen)) {
        if (this.#logs.isOpen || (await this.#logs.open())) await this.#write()
      }
    } catch (error) {
      this.#host.failed(error)
    }
    this.#isRunning = false
    if (this.#hasNews) this.#soon()
  }

  /** Adds one entry with all that is new. */
  async #write(): Promise<void> {
    const [oldest = this.#logs.last] = this.#bases.values()
    const logs = [...this.#guestLogs].map(({ log }) => log)
    if (!(await this.#logs.turnOver(Math.min(oldest, ...logs)))) return this.#lost()
    const waiters = this.#waiters.splice(0)
    const guests = this.#guests.splice(0)
    const [notes, sessions] = this.#notes()
    for (const one of guests) notes.push(...one.notes)
    const log = this.#logs.last
    const isAdded = await this.#logs.add(notes.length > 0 ? [encodeEntry(++this.#number, notes)] : [])
    if (!isAdded) {
      this.#guests.unshift(...guests)
      this.#waiters.unshift(...waiters)
      return this.#lost()
    }
    for (const session of sessions) session.kept()
    for (const { resolve } of guests) {
      const guestLog = { log }
      this.#guestLogs.add(guestLog)
      resolve(() => this.#guestLogs.delete(guestLog))
    }
    for (const waiter of waiters) {
      // With very many at once, the session may not have had its turn.
      const waits = waiter.session === undefined ? this.#changed.size > 0 : this.#changed.has(waiter.session)
      if (waits) this.#waiters.push(waiter)
      else waiter.resolve()
    }
  }

  /** What is new, of which sessions. Some that are in the oldest log alone are written anew. */
  #notes(): [notes: Note[], sessions: Set<Journalled>] {
    const notes: Note[] = []
    const sessions = new Set<Journalled>()
    for (const session of this.#changed) {
      if (sessions.size === ENTRY_SESSIONS) break
      this.#changed.delete(session)
      sessions.add(session)
      if (this.#bases.has(session) && !this.#unconditional.delete(session)) this.#writeChange(session, notes)
      else this.#writeWhole(session, notes)
    }
    let rewritten = Math.max(REWRITTEN, sessions.size)
    for (const [session, base] of this.#bases) {
      if (base === this.#logs.last || rewritten-- === 0) break
      this.#writeWhole(session, notes)
      sessions.add(session)
    }
    for (const session of this.#ended) {
      session.changes() // what it has sent until now may go
      sessions.add(session)
      this.#offers.delete(session)
      this.#unconditional.delete(session)
      if (this.#bases.delete(session)) notes.push({ ended: session.id })
    }
    this.#ended.clear()
    return [notes, sessions]
  }

  #writeChange(session: Journalled, notes: Note[]): void {
    const change = session.changes()
    if (change === undefined) return
    const { principal } = change.facts
    if (principal === undefined || this.#isWritable(session, principal)) notes.push({ change })
  }

  #writeWhole(session: Journalled, notes: Note[]): void {
    this.#bases.delete(session)
    const whole = session.whole()
    if (whole === undefined || !this.#isWritable(session, whole.principal)) return
    this.#bases.set(session, this.#logs.last)
    notes.push({ whole, condition: this.#offers.get(session) })
  }

  #isWritable(session: Journalled, principal: MovedSession["principal"]): boolean {
    try {
      encodePrincipal(principal)
      return true
    } catch (error) {
      this.#host.failed(error)
      this.#host.runtime.soon(() => session.refused(UNWRITABLE))
      return false
    }
  }

  #stalled(why: Closing): void {
    for (const session of new Set([...this.#bases.keys(), ...this.#changed])) session.stalled(why)
  }

  /** Another process has taken the journal over, because it took this one for dead. */
  #lost(): void {
    if (this.#isClosed) return
    const sessions = new Set([...this.#bases.keys(), ...this.#changed])
    this.#bases.clear()
    this.#offers.clear()
    this.#unconditional.clear()
    this.#changed.clear()
    this.#ended.clear()
    this.#refuseAll(new EverwireError("moved", "another process has the sessions of this one"))
    for (const session of sessions) session.lost()
  }

  /** Now and then adds something, so that the lease goes on, and what is kept does not expire. */
  #renewLater(): void {
    this.#cancelRenewal = this.#host.runtime.after(RENEW_MS, () => {
      if (this.#logs.idleMs >= RENEW_MS / 2) this.#written().catch(() => {}) // it has lost its journal: another one begins
      this.#renewLater()
    })
  }

  #refuseAll(error: Error): void {
    for (const { reject } of [...this.#guests.splice(0), ...this.#waiters.splice(0)]) reject(error)
  }
}
