import { checkNames } from "../../messaging/option-names.ts"
import { hubRuntime } from "../../runtimes/hub-runtime.ts"
import type { Cluster } from "../../server/cluster.ts"
import { EverwireError } from "../../wire/errors.ts"
import type { Backplane } from "../backplane.ts"
import type { Driver, DriverHost } from "../driven-backplane.ts"
import { JoinedBackplane } from "../joined-backplane.ts"
import { unavailable } from "../limits.ts"
import { Stamps } from "../stamps.ts"
import { Unconfirmed } from "../unconfirmed.ts"
import type { StoreAnswer, StoreCall } from "../value-store.ts"
import {
  type IoRedisClient,
  ioRedis,
  type NodeRedisClient,
  nodeRedis,
  type RedisConnections,
  type RedisEvents,
} from "./clients.ts"
import { APPEND, COMPARE_AND_SET, LEASE, RELEASE } from "./scripts.ts"

/** Options of `redis`. */
export interface RedisOptions {
  /**
   * A client of the package `redis` (`createClient()`) or `ioredis` (`new Redis()`). Its settings are used for two connections
   * of the backplane's own, so it need not be connected, and stays as it is.
   */
  readonly client: NodeRedisClient | IoRedisClient
  /** What all channels and keys begin with. Default `everwire:`. */
  readonly prefix?: string
  /** After how long a call of the store is given up, in milliseconds. Default 2,000. */
  readonly deadlineMs?: number
  /**
   * How much may wait in this process while Redis does not answer, in bytes. What is published beyond it is dropped.
   * Default 16 MiB.
   */
  readonly maxWaitingBytes?: number
}

/**
 * The backplane of processes that share a Redis server, version 6 or later. docs/backplanes.md says how the server has to be
 * set.
 *
 * @throws EverwireError `misuse` on an unknown option, or a client of another kind
 * @example
 * const backplane = redis({ client: createClient({ url: "redis://localhost" }) })
 */
export function redis(options: RedisOptions): Backplane & Cluster {
  const known = { client: "duplicate", prefix: "string", deadlineMs: "number", maxWaitingBytes: "number" }
  checkNames(options, known, "redis")
  const { client, prefix = "everwire:", deadlineMs = 2000, maxWaitingBytes = 16 * 2 ** 20 } = options
  return new JoinedBackplane(
    hubRuntime,
    deadlineMs,
    (host) => new RedisDriver(host, (events) => connectionsOf(client, events), prefix, maxWaitingBytes),
  )
}

function connectionsOf(client: NodeRedisClient | IoRedisClient, events: RedisEvents): RedisConnections {
  if ("callBuffer" in client) return ioRedis(client, events)
  if ("withTypeMapping" in client) return nodeRedis(client, events)
  throw new EverwireError("misuse", "redis: client wants a client of the package redis, or of ioredis")
}

class RedisDriver implements Driver {
  readonly #prefix: string
  readonly #connections: RedisConnections
  readonly #stamps = new Stamps()
  readonly #unconfirmed: Unconfirmed
  readonly #isFirstReady: Promise<void>
  /** What was published before the first connection. Undefined after it. */
  #early: (() => void)[] | undefined = []
  #earlyBytes = 0
  readonly #maxWaitingBytes: number
  /** For each topic that is being subscribed to or left: when the last such command is done. */
  readonly #turns = new Map<string, Promise<void>>()

  constructor(
    host: DriverHost,
    connect: (events: RedisEvents) => RedisConnections,
    prefix: string,
    maxWaitingBytes: number,
  ) {
    this.#prefix = prefix
    this.#maxWaitingBytes = maxWaitingBytes
    this.#unconfirmed = new Unconfirmed(maxWaitingBytes, (isConnected) => host.connected(isConnected))
    let resolveFirst = (): void => {}
    this.#isFirstReady = new Promise((resolve) => {
      resolveFirst = resolve
    })
    this.#connections = connect({
      message: (channel, stamped) => {
        const data = this.#stamps.read(stamped)
        if (data !== undefined) host.hear(channel.slice(this.#channel("").length), data)
      },
      changed: (isReady) => {
        host.connected(isReady)
        if (!isReady) return
        const early = this.#early ?? []
        this.#early = undefined
        for (const publish of early) publish()
        resolveFirst()
      },
    })
  }

  publish(topic: string, data: Uint8Array): void {
    const stamped = this.#stamps.stamp(data)
    const send = (): void => {
      if (!this.#connections.isReady() || !this.#unconfirmed.admits()) return
      this.#unconfirmed.count(stamped.length, this.#connections.command(["PUBLISH", this.#channel(topic), stamped]))
    }
    if (this.#early === undefined) return send()
    this.#earlyBytes += stamped.length
    if (this.#earlyBytes <= this.#maxWaitingBytes) this.#early.push(send)
  }

  async listen(topic: string): Promise<void> {
    await this.#isFirstReady
    await this.#inTurn(topic, () => this.#connections.subscribe(this.#channel(topic)))
  }

  unlisten(topic: string): void {
    // Without a connection it is forgotten by the client, too. What comes until then is heard by nobody.
    this.#inTurn(topic, () => this.#connections.unsubscribe(this.#channel(topic))).catch(() => {})
  }

  /** Runs this when all before it for the topic is done: a client forgets a listener when UNSUBSCRIBE is answered. */
  async #inTurn(topic: string, run: () => Promise<unknown>): Promise<void> {
    const before = this.#turns.get(topic) ?? Promise.resolve()
    const turn = before.then(run)
    const over = turn.then(
      () => {},
      () => {},
    )
    this.#turns.set(topic, over)
    try {
      await turn
    } finally {
      if (this.#turns.get(topic) === over) this.#turns.delete(topic)
    }
  }

  async ask(call: StoreCall, entries: readonly Uint8Array[]): Promise<StoreAnswer> {
    if (this.#early !== undefined) await this.#isFirstReady
    if (!this.#connections.isReady()) throw unavailable("Redis cannot be reached")
    if (this.#unconfirmed.isFull) throw unavailable("Redis does not answer")
    const { args, read } = this.#command(call, entries)
    const reply = this.#connections.command(args)
    this.#unconfirmed.count(
      args.reduce((sum, { length }) => sum + length, 0),
      reply,
    )
    return read(await reply)
  }

  async close(): Promise<void> {
    this.#connections.close()
  }

  #channel(topic: string): string {
    return `${this.#prefix}t:${topic}`
  }

  /** The command of a call, and how its reply is read. */
  #command(
    call: StoreCall,
    entries: readonly Uint8Array[],
  ): { readonly args: readonly (string | Uint8Array)[]; readonly read: (reply: unknown) => StoreAnswer } {
    const value = (key: string): string => `${this.#prefix}v:${key}`
    const lease = (key: string): string => `${this.#prefix}l:${key}`
    const log = (name: string): string => `${this.#prefix}j:${name}`
    switch (call.call) {
      case "read":
        return { args: ["GET", value(call.key)], read: (reply) => ({ value: textOf(reply) }) }
      case "compareAndSet": {
        const { key, from, to, ttlMs } = call
        const [hasFrom, hasTo] = [from === undefined ? "0" : "1", to === undefined ? "0" : "1"]
        return {
          args: ["EVAL", COMPARE_AND_SET, "1", value(key), hasFrom, from ?? "", hasTo, to ?? "", whole(ttlMs)],
          read: (reply) => ({ value: textOf(reply) }),
        }
      }
      case "lease":
        return {
          args: ["EVAL", LEASE, "1", lease(call.key), call.holder, whole(call.ttlMs)],
          read: (reply) => ({ done: Number(reply) === 1 }),
        }
      case "release":
        return { args: ["EVAL", RELEASE, "1", lease(call.key), call.holder], read: () => ({}) }
      case "append": {
        const { fence, ttlMs } = call
        return {
          args: ["EVAL", APPEND, "2", log(call.log), value(fence.key), fence.value, whole(ttlMs), ...entries],
          read: (reply) => ({ done: Number(reply) === 1 }),
        }
      }
      case "entries":
        return {
          args: ["LRANGE", log(call.log), "0", "-1"],
          read: (reply) => ({ entries: reply as readonly Uint8Array[] }), // Redis answers LRANGE with bulk strings
        }
      case "drop":
        return { args: ["DEL", log(call.log)], read: () => ({}) }
    }
  }
}

/** Redis takes whole milliseconds. */
function whole(ttlMs: number): string {
  return String(Math.ceil(ttlMs))
}

/** A bulk string of a reply, or undefined. */
function textOf(reply: unknown): string | undefined {
  return reply instanceof Uint8Array ? new TextDecoder("utf-8", { ignoreBOM: true }).decode(reply) : undefined
}
