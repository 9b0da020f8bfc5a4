/** A change of the store, or a question to it. The names are those of `Backplane`. */
export type StoreCall =
  | { readonly call: "read"; readonly key: string }
  | {
      readonly call: "compareAndSet"
      readonly key: string
      readonly from?: string | undefined
      readonly to?: string | undefined
      readonly ttlMs: number
    }
  | { readonly call: "lease"; readonly key: string; readonly holder: string; readonly ttlMs: number }
  | { readonly call: "release"; readonly key: string; readonly holder: string }
  | {
      readonly call: "append"
      readonly log: string
      readonly fence: { readonly key: string; readonly value: string }
      readonly ttlMs: number
    }
  | { readonly call: "entries"; readonly log: string }
  | { readonly call: "drop"; readonly log: string }

/** What a call of the store has come to. `entries` are those of a log. */
export interface StoreAnswer {
  readonly value?: string | undefined
  readonly done?: boolean
  readonly entries?: readonly Uint8Array[]
}

interface Expiring<Value> {
  readonly value: Value
  readonly until: number
}

/** Below this number of values the store does not look for expired ones. */
const FEW = 1024

/** The store of a backplane, in the memory of one process. */
export class ValueStore {
  readonly #now: () => number
  readonly #values = new Map<string, Expiring<string>>()
  readonly #leases = new Map<string, Expiring<string>>()
  readonly #logs = new Map<string, Expiring<Uint8Array[]>>()
  /** At this number of values, expired ones are removed. */
  #sweepAt = FEW

  constructor(now: () => number) {
    this.#now = now
  }

  /** Number of values, leases and logs, with those that have expired and were not removed yet. */
  get size(): number {
    return this.#values.size + this.#leases.size + this.#logs.size
  }

  clear(): void {
    this.#values.clear()
    this.#leases.clear()
    this.#logs.clear()
  }

  /** @param entries what an append adds. The arrays are kept as they are. */
  answer(call: StoreCall, entries: readonly Uint8Array[]): StoreAnswer {
    switch (call.call) {
      case "read":
        return { value: this.#alive(this.#values, call.key) }
      case "compareAndSet": {
        const value = this.#alive(this.#values, call.key)
        if (value !== call.from && value !== call.to) return { value }
        this.#put(this.#values, call.key, call.to, call.ttlMs)
        return { value: call.to }
      }
      case "lease": {
        const done = (this.#alive(this.#leases, call.key) ?? call.holder) === call.holder
        if (done) this.#put(this.#leases, call.key, call.holder, call.ttlMs)
        return { done }
      }
      case "release":
        if (this.#alive(this.#leases, call.key) === call.holder) this.#leases.delete(call.key)
        return {}
      case "append": {
        if (this.#alive(this.#values, call.fence.key) !== call.fence.value) return { done: false }
        const log = this.#alive(this.#logs, call.log)
        // The list grows in place: to copy it with each append would take the square of its length.
        for (const entry of entries) log?.push(entry)
        const list = log ?? [...entries]
        this.#put(this.#logs, call.log, list.length > 0 ? list : undefined, call.ttlMs)
        return { done: true }
      }
      case "entries":
        return { entries: [...(this.#alive(this.#logs, call.log) ?? [])] }
      case "drop":
        this.#logs.delete(call.log)
        return {}
    }
  }

  #alive<Value>(map: Map<string, Expiring<Value>>, key: string): Value | undefined {
    const found = map.get(key)
    if (found !== undefined && found.until > this.#now()) return found.value
    if (found !== undefined) map.delete(key)
    return undefined
  }

  #put<Value>(map: Map<string, Expiring<Value>>, key: string, value: Value | undefined, ttlMs: number): void {
    if (value === undefined) map.delete(key)
    else map.set(key, { value, until: this.#now() + ttlMs })
    if (this.size < this.#sweepAt) return
    for (const each of [this.#values, this.#leases, this.#logs]) {
      for (const [name, { until }] of each) if (until <= this.#now()) each.delete(name)
    }
    // Twice what is left, so that a change costs the same on average however many values there are.
    this.#sweepAt = Math.max(FEW, this.size * 2)
  }
}
