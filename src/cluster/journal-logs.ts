import type { Runtime } from "../session/runtime.ts"
import { type Closing, closing } from "../wire/errors.ts"
import type { Backplane } from "./backplane.ts"
import { type JournalKey, type JournalRange, journalKey, logOf, writeRange } from "./journal-key.ts"

/**
 * How long after a call of the store this process may rely on what it confirmed, in milliseconds. The others take its sessions
 * over after five beats that did not come, which is later. It holds for what no fence protects: calling handlers.
 */
const LEASE_MS = 4_000
/** How long the store may refuse or not answer before the channels are told, in milliseconds. */
const STALL_MS = 1_000
/** How soon a call is repeated that was not answered, in milliseconds. */
const RETRY_MS = 100
/** A log that has so many entries, or bytes, or is so old, is left: a new one begins. */
const LOG_ENTRIES = 1_000
const LOG_BYTES = 4_194_304
const LOG_MS = 3_600_000

const AWAY = closing("backplane-unavailable", "the cluster's store does not answer", true, 1_000)

export interface JournalLogsHost {
  readonly backplane: Backplane
  readonly runtime: Runtime
  readonly prefix: string
  readonly hub: string
  /** How long the store keeps what is written last, in milliseconds. */
  readonly ttlMs: number
  failed(error: unknown): void
}

/**
 * The logs in which the journal of one process is, and the fence under which it adds to them. Calls of the store are repeated
 * until they are answered, one at a time.
 */
export class JournalLogs {
  readonly #host: JournalLogsHost
  /** Called when the store does not answer. */
  readonly #stalled: (why: Closing) => void
  #range: JournalRange | undefined
  #generation = 0
  #key: JournalKey
  #entries = 0
  #bytes = 0
  #beganAt = 0
  /** When the store was told last to keep all of them. */
  #keptAt = 0
  /** When the call was made that the store confirmed last. */
  #confirmedAt = -Infinity
  /** Since when the store does not do what it is asked. */
  #failingSince: number | undefined
  #isStalled = false
  #isClosed = false

  constructor(host: JournalLogsHost, stalled: (why: Closing) => void) {
    this.#host = host
    this.#stalled = stalled
    this.#key = journalKey(host.prefix, host.hub, 0)
  }

  /** Why nothing can be promised now. Undefined if it can. */
  get refusal(): Closing | undefined {
    return this.isOpen && !this.#isStalled && this.idleMs < LEASE_MS ? undefined : AWAY
  }

  get isOpen(): boolean {
    return this.#range !== undefined
  }

  /** The number of the log that is added to. */
  get last(): number {
    return this.#range?.last ?? 0
  }

  /** How long ago the call was made that the store confirmed last, in milliseconds. */
  get idleMs(): number {
    return this.#host.runtime.now() - this.#confirmedAt
  }

  /** Begins a journal, after another process has taken the one before. Returns whether it is open. */
  async open(): Promise<boolean> {
    const { backplane, hub, prefix, ttlMs } = this.#host
    const key = journalKey(prefix, hub, ++this.#generation)
    const range = { owner: hub, first: 1, last: 1 }
    const value = writeRange(range)
    const found = await this.#ask(() => backplane.compareAndSet(key.fence, undefined, value, ttlMs))
    if (found === value) {
      this.#key = key
      this.#range = range
      this.#begin()
    }
    return this.isOpen
  }

  #begin(): void {
    this.#entries = this.#bytes = 0
    this.#beganAt = this.#keptAt = this.#host.runtime.now()
  }

  /** Adds to the last log. Returns false if another process has the journal. */
  async add(entries: readonly Uint8Array[]): Promise<boolean> {
    this.#entries += entries.length
    for (const { length } of entries) this.#bytes += length
    return await this.#addTo(this.last, entries)
  }

  async #addTo(log: number, entries: readonly Uint8Array[]): Promise<boolean> {
    const { backplane, ttlMs } = this.#host
    if (this.#range === undefined) return false
    const fence = { key: this.#key.fence, value: writeRange(this.#range) }
    const isAdded = await this.#ask(() => backplane.append(logOf(this.#key, log), entries, fence, ttlMs))
    if (isAdded === false) this.#range = undefined
    return isAdded === true
  }

  /**
   * Begins another log if the last one is long, drops those before `oldest`, and has the store keep the others. Returns false if
   * another process has the journal.
   */
  async turnOver(oldest: number): Promise<boolean> {
    const range = this.#range
    if (range === undefined) return false
    const { runtime, backplane, ttlMs } = this.#host
    const now = runtime.now()
    const isLong = this.#entries >= LOG_ENTRIES || this.#bytes >= LOG_BYTES || now - this.#beganAt >= LOG_MS
    // One log more at a time: what is in the oldest one alone is written anew first.
    const last = isLong && oldest === range.last ? range.last + 1 : range.last
    const first = Math.min(oldest, range.last)
    const isDue = now - this.#keptAt > ttlMs / 4
    if (first === range.first && last === range.last && !isDue) return true
    const next = { owner: range.owner, first, last }
    const value = writeRange(next)
    const found = await this.#ask(() => backplane.compareAndSet(this.#key.fence, writeRange(range), value, ttlMs))
    this.#range = found === value ? next : undefined
    if (found !== value) return false
    for (let log = range.first; log < first; log++) backplane.drop(logOf(this.#key, log)).catch(() => {}) // it expires
    if (last !== range.last) this.#begin()
    if (!isDue) return true
    this.#keptAt = now
    for (let log = first; log < range.last; log++) if (!(await this.#addTo(log, []))) return false
    return true
  }

  /** Removes all of it from the store. */
  async remove(): Promise<void> {
    const range = this.#range
    if (range === undefined) return
    this.#range = undefined
    const { backplane, ttlMs } = this.#host
    await backplane.compareAndSet(this.#key.fence, writeRange(range), undefined, ttlMs)
    for (let log = range.first; log <= range.last; log++) await backplane.drop(logOf(this.#key, log))
  }

  /** No call is repeated any more. */
  close(): void {
    this.#isClosed = true
  }

  /** Calls the store until it answers. Undefined if all is closed meanwhile. */
  async #ask<Answer>(call: () => Promise<Answer>): Promise<Answer | undefined> {
    const { runtime, failed } = this.#host
    while (!this.#isClosed) {
      const askedAt = runtime.now()
      const cancel = runtime.after(STALL_MS, () => this.#stall())
      try {
        const answer = await call()
        this.#confirmedAt = askedAt
        this.#failingSince = undefined
        this.#isStalled = false
        return answer
      } catch (error) {
        if (this.#isClosed) return undefined
        if (this.#failingSince === undefined) failed(error)
        this.#failingSince ??= askedAt
        if (runtime.now() - this.#failingSince >= STALL_MS) this.#stall()
      } finally {
        cancel()
      }
      await this.#pause(RETRY_MS)
    }
    return undefined
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => void this.#host.runtime.after(ms, resolve))
  }

  #stall(): void {
    if (this.#isStalled || this.#isClosed) return
    this.#isStalled = true
    this.#stalled(AWAY)
  }
}
