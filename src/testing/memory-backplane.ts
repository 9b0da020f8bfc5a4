import type { Backplane } from "../cluster/backplane.ts"
import { DrivenBackplane, type Driver, type DriverHost } from "../cluster/driven-backplane.ts"
import { unavailable } from "../cluster/limits.ts"
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
  /** Ends the connection for ever as the death of its process does: what it left by `will` is published. */
  kill(): void
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
  readonly #wires = new Map<Backplane, Wire>()
  /** Pairs of ends that do not hear each other. */
  #parted: (readonly (Wire | undefined)[])[] = []
  readonly #runtime: Runtime
  readonly #store: ValueStore
  readonly #deadlineMs: number
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
    this.#deadlineMs = deadlineMs
  }

  end(runtime: Runtime = this.#runtime): MemoryEnd {
    const backplane = new DrivenBackplane(runtime, this.#deadlineMs, (host) => new Wire(this, host))
    const { driver } = backplane
    this.#wires.set(backplane, driver)
    return Object.assign(backplane, {
      cut: () => driver.cut(),
      mend: () => driver.mend(),
      kill: () => driver.kill(),
    })
  }

  delay(delayMs: number, jitterMs = 0): void {
    this.#delayMs = delayMs
    this.#jitterMs = jitterMs
  }

  slowStore(storeMs: number): void {
    this.storeMs = storeMs
  }

  part(one: Backplane, other: Backplane): void {
    this.#parted.push([this.#wires.get(one), this.#wires.get(other)])
  }

  join(): void {
    this.#parted = []
  }

  stop(): void {
    this.isRunning = false
    for (const wire of this.#wires.values()) wire.look()
  }

  start({ empty = false }: { readonly empty?: boolean } = {}): void {
    if (empty) this.#store.clear()
    this.isRunning = true
    for (const wire of this.#wires.values()) wire.look()
  }

  // — called by the wires —

  /** The time of the store. The clocks of the ends may be wrong. */
  now(): number {
    return this.#runtime.now()
  }

  /** When a message that is published now arrives. */
  arrival(): number {
    const jitterMs = this.#jitterMs > 0 ? Math.floor(this.#runtime.random() * this.#jitterMs) : 0
    return this.now() + this.#delayMs + jitterMs
  }

  /** Carries a message to every end that hears the publisher. */
  carry(from: Wire, topic: string, data: Uint8Array): void {
    for (const to of this.#wires.values()) {
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

  leave(wire: Wire): void {
    for (const [backplane, one] of this.#wires) if (one === wire) this.#wires.delete(backplane)
  }
}

/** The connection of one end to the hall. */
class Wire implements Driver {
  readonly #hall: Hall
  readonly #host: DriverHost
  /** The topics of which the subscription is in force. */
  readonly #topics = new Set<string>()
  /** What rejects a call of the store that has not been answered yet. */
  readonly #waiting = new Set<(error: Error) => void>()
  readonly #wills = new Set<readonly [topic: string, data: Uint8Array]>()
  /** When the last message of each other end arrives here: the next one of that end does not come earlier. */
  readonly #last = new Map<Wire, number>()
  /** Counts the connections, so that nothing from before a cut arrives after it. */
  #era = 0
  #isCut = false

  constructor(hall: Hall, host: DriverHost) {
    this.#hall = hall
    this.#host = host
    if (!hall.isRunning) this.look()
  }

  get #isReachable(): boolean {
    return this.#hall.isRunning && !this.#isCut
  }

  publish(topic: string, data: Uint8Array): void {
    // A copy: what the caller changes afterwards is not what a subscriber gets.
    if (this.#isReachable) this.#hall.carry(this, topic, data.slice())
  }

  async listen(topic: string): Promise<void> {
    await this.ask({ call: "read", key: "" }, [])
    this.#topics.add(topic)
  }

  unlisten(topic: string): void {
    this.#topics.delete(topic)
  }

  /** Puts a call to the store: it is made after half of its time, and answered after the whole. */
  ask(call: StoreCall, entries: readonly Uint8Array[]): Promise<StoreAnswer> {
    const { storeMs } = this.#hall
    const copies = entries.map((entry) => entry.slice())
    return new Promise((resolve, reject) => {
      if (!this.#isReachable) return reject(unavailable("the store cannot be reached"))
      this.#waiting.add(reject)
      this.#hall.later(Math.floor(storeMs / 2), () => {
        if (!this.#hall.isRunning) return
        const answer = this.#hall.answer(call, copies)
        this.#host.runtime.after(Math.ceil(storeMs / 2), () => {
          if (this.#waiting.delete(reject)) resolve(answer)
        })
      })
    })
  }

  will(topic: string, data: Uint8Array): () => void {
    const will = [topic, data.slice()] as const
    this.#wills.add(will)
    return () => void this.#wills.delete(will)
  }

  kill(): void {
    this.cut()
    for (const [topic, data] of this.#wills) this.#hall.carry(this, topic, data)
    this.#hall.leave(this)
  }

  async close(): Promise<void> {
    this.#hall.leave(this)
    this.#era++
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
      for (const reject of this.#waiting) reject(unavailable("the connection was lost"))
      this.#waiting.clear()
    }
    // In a later tick, as a socket would tell, and in order on a machine that sleeps.
    this.#host.runtime.soon(() => this.#host.connected(isReachable))
  }

  arrive(from: Wire, topic: string, data: Uint8Array): void {
    if (!this.#isReachable) return
    const era = this.#era
    const { runtime } = this.#host
    const at = Math.max(this.#hall.arrival(), this.#last.get(from) ?? 0)
    this.#last.set(from, at)
    runtime.after(at - this.#hall.now(), () => {
      if (era === this.#era && this.#topics.has(topic)) this.#host.hear(topic, data)
    })
  }
}
