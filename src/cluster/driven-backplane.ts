import type { Runtime } from "../session/runtime.ts"
import type { Backplane } from "./backplane.ts"
import { ConnectionState } from "./connection-state.ts"
import { checkName, checkOpen, checkTtl, checkValue, unavailable } from "./limits.ts"
import { Topics } from "./topics.ts"
import type { StoreAnswer, StoreCall } from "./value-store.ts"

/** What a driver tells its backplane. */
export interface DriverHost {
  readonly runtime: Runtime
  /** A message has arrived. */
  hear(topic: string, data: Uint8Array): void
  /** The connection was lost, or is there again with all topics. The same may be told twice. */
  connected(isConnected: boolean): void
}

/** What differs between the backplanes. It is given only names and values that are within the bounds. */
export interface Driver {
  publish(topic: string, data: Uint8Array): void
  /** From now on this topic is wanted, over all reconnects. Resolves when the first subscription is in force. */
  listen(topic: string): Promise<void>
  unlisten(topic: string): void
  /** @param entries of an append */
  ask(call: StoreCall, entries: readonly Uint8Array[]): Promise<StoreAnswer>
  /** See `Backplane.will`. Over all reconnects. */
  will?(topic: string, data: Uint8Array): () => void
  close(): Promise<void>
}

/** A backplane over a driver: the checks, the subscribers and the deadlines, which are the same for all. */
export class DrivenBackplane<Kind extends Driver = Driver> implements Backplane {
  readonly #runtime: Runtime
  readonly #deadlineMs: number
  readonly driver: Kind
  readonly #topics: Topics
  readonly #connection: ConnectionState
  /** For each topic that the driver listens to: when that is in force. */
  readonly #inForce = new Map<string, Promise<void>>()
  /** What rejects the promises that were given out and are not settled. */
  readonly #waiting = new Set<(error: Error) => void>()
  #isClosed = false

  constructor(runtime: Runtime, deadlineMs: number, open: (host: DriverHost) => Kind) {
    this.#runtime = runtime
    this.#deadlineMs = deadlineMs
    this.#topics = new Topics(runtime)
    this.#connection = new ConnectionState(runtime)
    this.driver = open({
      runtime,
      hear: (topic, data) => this.#topics.hear(topic, plain(data)),
      connected: (isConnected) => this.#connection.set(isConnected),
    })
  }

  publish(topic: string, data: Uint8Array): void {
    checkOpen(this.#isClosed)
    checkName("topic", topic)
    this.driver.publish(topic, data)
  }

  async subscribe(topic: string, hear: (data: Uint8Array) => void): Promise<() => void> {
    checkOpen(this.#isClosed)
    checkName("topic", topic)
    // A function of its own, so that the same one can be given twice.
    const hearer = (data: Uint8Array): void => hear(data)
    const end = (): void => {
      if (!this.#topics.remove(topic, hearer)) return
      this.#inForce.delete(topic)
      this.driver.unlisten(topic)
    }
    if (this.#topics.add(topic, hearer)) this.#inForce.set(topic, this.driver.listen(topic))
    try {
      await this.#inTime(this.#inForce.get(topic) ?? Promise.resolve())
    } catch (error) {
      end()
      throw error
    }
    return end
  }

  async read(key: string): Promise<string | undefined> {
    checkName("key", key)
    return (await this.#ask({ call: "read", key })).value
  }

  async compareAndSet(
    key: string,
    from: string | undefined,
    to: string | undefined,
    ttlMs: number,
  ): Promise<string | undefined> {
    checkName("key", key)
    checkValue(from)
    checkValue(to)
    checkTtl(ttlMs)
    return (await this.#ask({ call: "compareAndSet", key, from, to, ttlMs })).value
  }

  async lease(key: string, holder: string, ttlMs: number): Promise<boolean> {
    checkName("key", key)
    checkName("holder", holder)
    checkTtl(ttlMs)
    return (await this.#ask({ call: "lease", key, holder, ttlMs })).done === true
  }

  async release(key: string, holder: string): Promise<void> {
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
    checkName("log", log)
    checkName("key", fence.key)
    checkValue(fence.value)
    checkTtl(ttlMs)
    const { key, value } = fence
    return (await this.#ask({ call: "append", log, fence: { key, value }, ttlMs }, entries)).done === true
  }

  async entries(log: string): Promise<readonly Uint8Array[]> {
    checkName("log", log)
    return (await this.#ask({ call: "entries", log })).entries?.map(plain) ?? []
  }

  async drop(log: string): Promise<void> {
    checkName("log", log)
    await this.#ask({ call: "drop", log })
  }

  get will(): Backplane["will"] {
    const { driver } = this
    if (driver.will === undefined) return undefined
    return (topic, data) => {
      checkOpen(this.#isClosed)
      checkName("topic", topic)
      return driver.will?.(topic, data) ?? (() => {})
    }
  }

  onConnected(listener: (isConnected: boolean) => void): () => void {
    checkOpen(this.#isClosed)
    return this.#connection.listen(listener)
  }

  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#topics.clear()
    this.#connection.close()
    for (const fail of [...this.#waiting]) fail(unavailable("the backplane was closed"))
    await this.driver.close()
  }

  #ask(call: StoreCall, entries: readonly Uint8Array[] = []): Promise<StoreAnswer> {
    checkOpen(this.#isClosed)
    return this.#inTime(this.driver.ask(call, entries))
  }

  /** The promise, or its rejection with `backplane-unavailable` at the deadline, at the close, or for another fault. */
  #inTime<Value>(promise: Promise<Value>): Promise<Value> {
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        this.#waiting.delete(fail)
        cancel()
      }
      const fail = (error: Error): void => {
        settle()
        reject(error)
      }
      const cancel = this.#runtime.after(this.#deadlineMs, () =>
        fail(unavailable(`the store did not answer in ${this.#deadlineMs} ms`)),
      )
      this.#waiting.add(fail)
      promise.then(
        (value) => {
          settle()
          resolve(value)
        },
        (error: unknown) => {
          const isCoded = (Object(error) as { code?: unknown }).code === "backplane-unavailable"
          fail(isCoded && error instanceof Error ? error : unavailable("the store could not answer", error))
        },
      )
    })
  }
}

/** The same bytes as an array of the language: the `slice` of Node's Buffer is no copy. */
function plain(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length)
}
