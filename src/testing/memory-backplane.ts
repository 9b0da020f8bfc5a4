import type { Backplane } from "../cluster/backplane.ts"
import { ConnectionState } from "../cluster/connection-state.ts"
import { checkName, checkOpen, checkTtl, checkValue, unavailable } from "../cluster/limits.ts"
import { Topics } from "../cluster/topics.ts"
import { type StoreAnswer, type StoreCall, ValueStore } from "../cluster/value-store.ts"
import type { Runtime } from "../session/runtime.ts"

/** Options of a backplane in memory. */
export interface MemoryBackplaneOptions {
  /** The clock of the store. Ends that are given no runtime have this one. */
  readonly runtime: Runtime
  /** How long a message takes from one end to another, in milliseconds. Default 1. */
  readonly delayMs?: number
  /** What chance adds to that at most, in milliseconds. Messages of one end keep their order. Default 0. */
  readonly jitterMs?: number
  /** How long a call of the store takes, in milliseconds. Default 1. */
  readonly storeMs?: number
  /** After how long a call of the store is given up, in milliseconds. Default 2,000. */
  readonly deadlineMs?: number
}

/** One process's end of a backplane in memory. */
export interface MemoryEnd extends Backplane {
  /** Cuts the connection: what is on its way to and from this end is lost, and its calls of the store reject. */
  cut(): void
  /** Ends a cut. The subscriptions are in force again at once. */
  mend(): void
}

/**
 * A bus and a store in memory, in the time of a runtime, with the faults that a test wants. Each process of the test has an
 * end of its own.
 *
 * @example
 * const runtime = createVirtualRuntime()
 * const bus = memoryBackplane({ runtime })
 * const [one, other] = [bus.end(runtime.machine()), bus.end(runtime.machine())]
 * one.cut()
 */
export interface MemoryBackplane {
  /** Makes an end. What it calls runs on this runtime, so that a virtual machine can sleep or halt with it. */
  end(runtime?: Runtime): MemoryEnd
  /** Changes how long messages take that are published from now on, in milliseconds. */
  delay(delayMs: number, jitterMs?: number): void
  /**
   * Changes how long a call of the store takes that begins now, in milliseconds. Above the deadline it rejects, and the
   * change is made nevertheless.
   */
  slowStore(storeMs: number): void
  /** Loses all that two ends publish for each other from now on. Neither is told, and both reach the store. */
  part(one: Backplane, other: Backplane): void
  /** Ends all partings. */
  join(): void
  /** Stops bus and store: all ends are cut until `start`. */
  stop(): void
  /** Starts bus and store again, with what the store had. */
  start(options?: {
    /** Whether the store has lost all values, leases and logs. Default false. */
    readonly empty?: boolean
  }): void
}

/** Makes a backplane in memory. Two of them share nothing. */
export function memoryBackplane(options: MemoryBackplaneOptions): MemoryBackplane {
  return new Hall(options)
}

/** What all ends share. */
class Hall implements MemoryBackplane {
  readonly #ends = new Set<End>()
  /** Pairs of ends that do not hear each other. */
  #parted: (readonly [Backplane, Backplane])[] = []
  readonly #runtime: Runtime
  readonly #store: ValueStore
  readonly deadlineMs: number
  storeMs: number
  isRunning = true
  #delayMs: number
  #jitterMs: number

  constructor({ runtime, delayMs = 1, jitterMs = 0, storeMs = 1, deadlineMs = 2000 }: MemoryBackplaneOptions) {
    this.#runtime = runtime
    this.#store = new ValueStore(() => runtime.now())
    this.#delayMs = delayMs
    this.#jitterMs = jitterMs
    this.storeMs = storeMs
    this.deadlineMs = deadlineMs
  }

  end(runtime: Runtime = this.#runtime): MemoryEnd {
    const end = new End(this, runtime)
    this.#ends.add(end)
    return end
  }

  delay(delayMs: number, jitterMs = 0): void {
    this.#delayMs = delayMs
    this.#jitterMs = jitterMs
  }

  slowStore(storeMs: number): void {
    this.storeMs = storeMs
  }

  part(one: Backplane, other: Backplane): void {
    this.#parted.push([one, other])
  }

  join(): void {
    this.#parted = []
  }

  stop(): void {
    this.isRunning = false
    for (const end of this.#ends) end.look()
  }

  start({ empty = false }: { readonly empty?: boolean } = {}): void {
    if (empty) this.#store.clear()
    this.isRunning = true
    for (const end of this.#ends) end.look()
  }

  // — called by the ends —

  /** When a message that is published now arrives. */
  arrival(): number {
    const jitterMs = this.#jitterMs > 0 ? Math.floor(this.#runtime.random() * this.#jitterMs) : 0
    return this.#runtime.now() + this.#delayMs + jitterMs
  }

  /** Carries a message to every end that hears the publisher. */
  carry(from: End, topic: string, data: Uint8Array): void {
    for (const to of this.#ends) {
      const isParted = this.#parted.some((pair) => from !== to && pair.includes(from) && pair.includes(to))
      if (!isParted) to.arrive(from, topic, data)
    }
  }

  /** Runs a call of the store after half of its time. */
  later(delayMs: number, run: () => void): () => void {
    return this.#runtime.after(delayMs, run)
  }

  answer(call: StoreCall, entries: readonly Uint8Array[]): StoreAnswer {
    return this.#store.answer(call, entries)
  }

  leave(end: End): void {
    this.#ends.delete(end)
  }
}

class End implements MemoryEnd {
  readonly #hall: Hall
  readonly #runtime: Runtime
  readonly #topics: Topics
  readonly #connection: ConnectionState
  /** What rejects a call of the store that has not been answered yet. */
  readonly #waiting = new Set<(error: Error) => void>()
  /** When the last message of each other end arrives here: the next one of that end does not come earlier. */
  readonly #last = new Map<End, number>()
  /** Counts the connections, so that nothing from before a cut arrives after it. */
  #era = 0
  #isCut = false
  #isClosed = false

  constructor(hall: Hall, runtime: Runtime) {
    this.#hall = hall
    this.#runtime = runtime
    this.#topics = new Topics(runtime)
    this.#connection = new ConnectionState(runtime)
    if (!hall.isRunning) this.look()
  }

  get #isReachable(): boolean {
    return this.#hall.isRunning && !this.#isCut
  }

  publish(topic: string, data: Uint8Array): void {
    checkOpen(this.#isClosed)
    checkName("topic", topic)
    // A copy: what the caller changes afterwards is not what a subscriber gets.
    if (this.#isReachable) this.#hall.carry(this, topic, data.slice())
  }

  async subscribe(topic: string, hear: (data: Uint8Array) => void): Promise<() => void> {
    checkOpen(this.#isClosed)
    checkName("topic", topic)
    const hearer = (data: Uint8Array): void => hear(data)
    await this.#ask({ call: "read", key: "" }, [])
    this.#topics.add(topic, hearer)
    return () => void this.#topics.remove(topic, hearer)
  }

  async read(key: string): Promise<string | undefined> {
    checkOpen(this.#isClosed)
    checkName("key", key)
    return (await this.#ask({ call: "read", key })).value
  }

  async compareAndSet(
    key: string,
    from: string | undefined,
    to: string | undefined,
    ttlMs: number,
  ): Promise<string | undefined> {
    checkOpen(this.#isClosed)
    checkName("key", key)
    checkValue(from)
    checkValue(to)
    checkTtl(ttlMs)
    return (await this.#ask({ call: "compareAndSet", key, from, to, ttlMs })).value
  }

  async lease(key: string, holder: string, ttlMs: number): Promise<boolean> {
    checkOpen(this.#isClosed)
    checkName("key", key)
    checkName("holder", holder)
    checkTtl(ttlMs)
    return (await this.#ask({ call: "lease", key, holder, ttlMs })).done === true
  }

  async release(key: string, holder: string): Promise<void> {
    checkOpen(this.#isClosed)
    checkName("key", key)
    checkName("holder", holder)
    await this.#ask({ call: "release", key, holder })
  }

  async append(
    log: string,
    entries: readonly Uint8Array[],
    fence: { readonly key: string; readonly value: string },
    ttlMs: number,
  ): Promise<boolean> {
    checkOpen(this.#isClosed)
    checkName("log", log)
    checkName("key", fence.key)
    checkTtl(ttlMs)
    const copies = entries.map((entry) => entry.slice())
    return (await this.#ask({ call: "append", log, fence, ttlMs }, copies)).done === true
  }

  async entries(log: string): Promise<readonly Uint8Array[]> {
    checkOpen(this.#isClosed)
    checkName("log", log)
    return (await this.#ask({ call: "entries", log })).entries ?? []
  }

  async drop(log: string): Promise<void> {
    checkOpen(this.#isClosed)
    checkName("log", log)
    await this.#ask({ call: "drop", log })
  }

  onConnected(listener: (isConnected: boolean) => void): () => void {
    checkOpen(this.#isClosed)
    return this.#connection.listen(listener)
  }

  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#hall.leave(this)
    this.#topics.clear()
    this.#connection.close()
    this.#rejectAll("the backplane was closed")
  }

  cut(): void {
    this.#isCut = true
    this.look()
  }

  mend(): void {
    this.#isCut = false
    this.look()
  }

  // — called by the hall —

  /** Looks whether the connection is lost or there again, and tells. */
  look(): void {
    const isReachable = this.#isReachable
    if (!isReachable) {
      this.#era++
      this.#rejectAll("the connection was lost")
    }
    // In a later tick, as a socket would tell, and in order on a machine that sleeps.
    this.#runtime.soon(() => this.#connection.set(isReachable))
  }

  arrive(from: End, topic: string, data: Uint8Array): void {
    if (!this.#isReachable) return
    const era = this.#era
    const at = Math.max(this.#hall.arrival(), this.#last.get(from) ?? 0)
    this.#last.set(from, at)
    this.#runtime.after(at - this.#runtime.now(), () => {
      if (era === this.#era && !this.#isClosed) this.#topics.hear(topic, data)
    })
  }

  /** Puts a call to the store: it is made after half of its time, and answered after the whole. */
  #ask(call: StoreCall, entries: readonly Uint8Array[] = []): Promise<StoreAnswer> {
    const { storeMs, deadlineMs } = this.#hall
    return new Promise((resolve, reject) => {
      if (!this.#isReachable) return reject(unavailable("the store cannot be reached"))
      const end = (settle: () => void): void => {
        this.#waiting.delete(fail)
        cancel()
        settle()
      }
      const fail = (error: Error): void => end(() => reject(error))
      const cancel = this.#runtime.after(deadlineMs, () =>
        fail(unavailable(`the store did not answer in ${deadlineMs} ms`)),
      )
      this.#waiting.add(fail)
      this.#hall.later(Math.floor(storeMs / 2), () => {
        if (!this.#hall.isRunning) return
        const answer = this.#hall.answer(call, entries)
        this.#runtime.after(Math.ceil(storeMs / 2), () => {
          if (this.#waiting.has(fail)) end(() => resolve(answer))
        })
      })
    })
  }

  #rejectAll(reason: string): void {
    for (const fail of [...this.#waiting]) fail(unavailable(reason))
  }
}
