import { checkNames } from "../../messaging/option-names.ts"
import { hubRuntime } from "../../runtimes/hub-runtime.ts"
import type { Cluster } from "../../server/cluster.ts"
import { EverwireError } from "../../wire/errors.ts"
import type { Backplane } from "../backplane.ts"
import type { Driver, DriverHost } from "../driven-backplane.ts"
import { JoinedBackplane } from "../joined-backplane.ts"
import { unavailable } from "../limits.ts"
import { packEntries, unpackEntries } from "../packed-entries.ts"
import { Stamps } from "../stamps.ts"
import { Unconfirmed } from "../unconfirmed.ts"
import type { StoreAnswer, StoreCall } from "../value-store.ts"
import type { NatsConnection } from "./connection.ts"
import { JetStream } from "./jetstream.ts"
import { HEAD_BYTES, Logs } from "./logs.ts"
import { inParts, PART_HEAD_BYTES, Parts } from "./parts.ts"
import { ServerClock } from "./server-clock.ts"
import { Values } from "./values.ts"

/** Options of `nats`. */
export interface NatsOptions {
  /** A connection of `@nats-io/transport-node`: `await connect()`. It is not closed with the backplane. */
  readonly connection: NatsConnection
  /** What all subjects begin with, and, in capitals, the names of both streams: letters, digits and `_`. Default `everwire`. */
  readonly prefix?: string
  /** After how long a call of the store is given up, in milliseconds. Default 2,000. */
  readonly deadlineMs?: number
  /** How much may wait while NATS does not answer, in bytes. What is published beyond it is dropped. Default 16 MiB. */
  readonly maxWaitingBytes?: number
  /** How long JetStream keeps a message at most, in milliseconds: no `ttlMs` may be longer, and no log older. Default 7 days. */
  readonly maxAgeMs?: number
  /** How many servers of a cluster of NATS keep each message. Default 1. */
  readonly replicas?: number
}

/**
 * The backplane of processes that share a NATS server or cluster, 2.9 or later, with JetStream. The two streams are made when
 * they are needed, unless they are there. docs/backplanes.md says how the server has to be set.
 *
 * @throws EverwireError `misuse` on an unknown option or a wrong prefix
 * @example
 * const backplane = nats({ connection: await connect({ servers: "localhost", maxReconnectAttempts: -1 }) })
 */
export function nats(options: NatsOptions): Backplane & Cluster {
  const number = "number"
  const known = { connection: "publish", prefix: "string", deadlineMs: number, maxWaitingBytes: number }
  checkNames(options, { ...known, maxAgeMs: number, replicas: number }, "nats")
  const { prefix = "everwire", deadlineMs = 2000 } = options
  if (!/^\w{1,64}$/.test(prefix)) {
    throw new EverwireError("misuse", `nats: prefix has 1 to 64 letters, digits and _; given: ${prefix}`)
  }
  return new JoinedBackplane(hubRuntime, deadlineMs, (host) => new NatsDriver(host, { ...options, prefix, deadlineMs }))
}

const DAY_MS = 86_400_000

/** After so many published bytes the server is asked whether it has taken them. For each message, that would double its cost. */
const CONFIRM_BYTES = 65_536

/** Bytes of a stamp and of what the protocol puts around a payload. */
const AROUND_BYTES = 256

class NatsDriver implements Driver {
  readonly #host: DriverHost
  readonly #connection: NatsConnection
  readonly #prefix: string
  readonly #stamps = new Stamps()
  readonly #parts = new Parts()
  readonly #unconfirmed: Unconfirmed
  readonly #subscriptions = new Map<string, { unsubscribe(): void }>()
  readonly #maxAgeMs: number
  readonly #logStream: JetStream
  readonly #values: Values
  readonly #logs: Logs
  readonly #confirmBytes: number
  /** Bytes that were published since the server was asked. */
  #unasked = 0
  #isConnected = true
  #isClosed = false
  /** The flush that is under way, and the one that follows it and covers what is published meanwhile. */
  #flushing: Promise<void> | undefined
  #following: Promise<void> | undefined

  constructor(host: DriverHost, options: NatsOptions & { readonly prefix: string; readonly deadlineMs: number }) {
    const { connection, prefix, deadlineMs, maxWaitingBytes = 16 * 2 ** 20 } = options
    const { maxAgeMs = 7 * DAY_MS, replicas = 1 } = options
    this.#host = host
    this.#connection = connection
    this.#prefix = prefix
    this.#maxAgeMs = maxAgeMs
    this.#confirmBytes = Math.min(CONFIRM_BYTES, maxWaitingBytes / 4)
    this.#unconfirmed = new Unconfirmed(maxWaitingBytes, (isConnected) => host.connected(isConnected))
    const name = prefix.toUpperCase()
    const kept = { maxAgeMs, replicas }
    const subjects = [`${prefix}.v.>`, `${prefix}.l.>`, `${prefix}.c.>`]
    const values = new JetStream(connection, { name: `${name}_VALUES`, subjects, perSubject: 1, ...kept }, deadlineMs)
    this.#logStream = new JetStream(
      connection,
      { name: `${name}_LOGS`, subjects: [`${prefix}.j.>`], perSubject: -1, ...kept },
      deadlineMs,
    )
    const me = host.runtime.id()
    const clock = new ServerClock(
      () => host.runtime.now(),
      async () => {
        const sequence = await values.store(`${prefix}.c.${me}`, new Uint8Array(), undefined)
        const stored = await values.at(sequence ?? 0)
        if (stored === undefined) throw unavailable("JetStream has not kept a message")
        return stored.at
      },
    )
    this.#values = new Values(values, clock)
    this.#logs = new Logs(this.#logStream, clock, () => this.#roomOf(HEAD_BYTES))
    // It ends with the connection, and rejects never.
    void this.#watch()
  }

  publish(topic: string, data: Uint8Array): void {
    if (!this.#isConnected || this.#connection.isClosed() || !this.#unconfirmed.admits()) return
    for (const part of inParts(data, this.#roomOf(PART_HEAD_BYTES))) {
      const stamped = this.#stamps.stamp(part)
      this.#connection.publish(this.#subject("topic", topic), stamped)
      this.#unasked += stamped.length
    }
    if (this.#unasked < this.#confirmBytes) return
    this.#unconfirmed.count(this.#unasked, this.#flush())
    this.#unasked = 0
  }

  async listen(topic: string): Promise<void> {
    const subscription = this.#connection.subscribe(this.#subject("topic", topic), {
      callback: (error, message) => {
        if (error === null) this.#hear(topic, message.data)
      },
    })
    this.#subscriptions.set(topic, subscription)
    await this.#connection.flush()
  }

  unlisten(topic: string): void {
    this.#subscriptions.get(topic)?.unsubscribe()
    this.#subscriptions.delete(topic)
  }

  async ask(call: StoreCall, entries: readonly Uint8Array[]): Promise<StoreAnswer> {
    if (!this.#isConnected) throw unavailable("NATS cannot be reached")
    if (this.#unconfirmed.isFull) throw unavailable("NATS does not answer")
    if ("ttlMs" in call && call.ttlMs > this.#maxAgeMs) {
      throw new EverwireError("misuse", `ttlMs is ${call.ttlMs}; with maxAgeMs, it is at most ${this.#maxAgeMs}`)
    }
    switch (call.call) {
      case "read":
        return { value: await this.#values.read(this.#subject("v", call.key)) }
      case "compareAndSet": {
        const { key, from, to, ttlMs } = call
        const wanted = (is: string | undefined): boolean => is === from || is === to
        return { value: await this.#values.change(this.#subject("v", key), wanted, to, ttlMs) }
      }
      case "lease": {
        const { key, holder, ttlMs } = call
        const wanted = (is: string | undefined): boolean => (is ?? holder) === holder
        return { done: (await this.#values.change(this.#subject("l", key), wanted, holder, ttlMs)) === holder }
      }
      case "release":
        await this.#values.change(this.#subject("l", call.key), (is) => is === call.holder, undefined, 1)
        return {}
      case "append": {
        const fence = this.#subject("v", call.fence.key)
        const isFenced = async (): Promise<boolean> => (await this.#values.read(fence)) === call.fence.value
        const log = this.#subject("j", call.log)
        return { done: await this.#logs.append(log, packEntries(entries), call.ttlMs, isFenced) }
      }
      case "entries":
        return { entries: (await this.#logs.read(this.#subject("j", call.log))).flatMap(unpackEntries) }
      case "drop":
        await this.#logStream.purge(this.#subject("j", call.log))
        return {}
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true
    for (const subscription of this.#subscriptions.values()) subscription.unsubscribe()
    this.#subscriptions.clear()
  }

  #hear(topic: string, stamped: Uint8Array): void {
    const part = this.#stamps.read(stamped)
    if (part === undefined) return
    const sender = new DataView(stamped.buffer, stamped.byteOffset, 8)
    const data = this.#parts.take(`${sender.getUint32(0)} ${sender.getUint32(4)} ${topic}`, part)
    if (data !== undefined) this.#host.hear(topic, data)
  }

  /** Follows the connection, which connects again by itself. */
  async #watch(): Promise<void> {
    try {
      for await (const { type } of this.#connection.status()) {
        if (this.#isClosed) return
        if (type === "disconnect" || type === "close") this.#lost()
        else if (type === "reconnect") await this.#found()
      }
    } catch {}
    this.#lost()
  }

  #lost(): void {
    this.#isConnected = false
    this.#parts.clear()
    if (!this.#isClosed) this.#host.connected(false)
  }

  /** The client has sent its subscriptions again. They are in force when the server has answered. */
  async #found(): Promise<void> {
    try {
      await this.#connection.flush()
    } catch {
      return // lost again
    }
    this.#isConnected = true
    this.#host.connected(true)
  }

  /** Resolves when the server has taken all that was published until now. One PING goes for all that waits. */
  #flush(): Promise<void> {
    if (this.#flushing === undefined) {
      // At the end of the tick, so that it covers the whole tick.
      this.#flushing = Promise.resolve()
        .then(() => this.#connection.flush())
        .finally(() => {
          this.#flushing = undefined
        })
      return this.#flushing
    }
    this.#following ??= this.#flushing
      .catch(() => {})
      .then(() => {
        this.#following = undefined
        return this.#flush()
      })
    return this.#following
  }

  /** Bytes that a message may have beside a head, a stamp and the protocol's own. */
  #roomOf(headBytes: number): number {
    return (this.#connection.info?.max_payload ?? 2 ** 20) - headBytes - AROUND_BYTES
  }

  /** A name as one token of a subject: a dot would end the token. No name has a `%`. */
  #subject(kind: string, name: string): string {
    return `${this.#prefix}.${kind}.${name.replaceAll(".", "%")}`
  }
}
