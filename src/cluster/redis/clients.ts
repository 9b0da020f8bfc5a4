/** A part of the clients' options, for their duplicates. */
type Overrides = Readonly<Record<string, unknown>>

/** What is used of a client of the package `redis`, version 5 or 6. */
export interface NodeRedisClient {
  readonly isReady: boolean
  duplicate(overrides?: never): unknown
  subscribe: unknown
  withTypeMapping: unknown
}

/** What is used of a client of the package `ioredis`, version 5 or 6. */
export interface IoRedisClient {
  readonly status: string
  duplicate(overrides?: never): unknown
  callBuffer: unknown
}

/** A duplicate of a `redis` client. */
interface NodeRedis {
  readonly isReady: boolean
  connect(): Promise<unknown>
  destroy(): void
  on(event: string, listener: () => void): unknown
  sendCommand(args: readonly (string | Buffer)[], options: object): Promise<unknown>
  subscribe(channel: string, listener: (message: Buffer, channel: Buffer) => void, bufferMode: true): Promise<unknown>
  unsubscribe(channel: string): Promise<unknown>
}

/** A duplicate of an `ioredis` client. */
interface IoRedis {
  readonly status: string
  connect(): Promise<unknown>
  disconnect(): void
  on(event: string, listener: (channel: Buffer, message: Buffer) => void): unknown
  callBuffer(command: string, ...args: readonly (string | Buffer)[]): Promise<unknown>
  subscribe(...channels: readonly string[]): Promise<unknown>
  unsubscribe(channel: string): Promise<unknown>
}

/** What the two clients have in common: two connections, one for commands and one for what is published. */
export interface RedisConnections {
  /** Whether commands can be sent now. */
  isReady(): boolean
  /** @returns the reply, with bulk strings as bytes */
  command(args: readonly (string | Uint8Array)[]): Promise<unknown>
  subscribe(channel: string): Promise<unknown>
  unsubscribe(channel: string): Promise<unknown>
  close(): void
}

export interface RedisEvents {
  message(channel: string, data: Uint8Array): void
  /** Both connections are there, with all subscriptions; or one is lost. The same may be told twice. */
  changed(isReady: boolean): void
}

/** The sign of bulk strings in RESP, by which `redis` maps types. */
const BULK_STRING = 36

export function nodeRedis(client: NodeRedisClient, events: RedisEvents): RedisConnections {
  // What is not sent at once must not be sent later: it may be a lease of long ago.
  const overrides: Overrides = { disableOfflineQueue: true }
  const [commands, subscriber] = [duplicate<NodeRedis>(client, overrides), duplicate<NodeRedis>(client, {})]
  // Without the client's own timeout. It drops what waits to be written, of which nobody would be told, and makes an object
  // and a timer for each command. The backplane has a deadline for each call, and a bound on what waits.
  const perCommand = { typeMapping: { [BULK_STRING]: Buffer }, timeout: undefined }
  const isReady = (): boolean => commands.isReady && subscriber.isReady
  const fault = (): void => {
    if (!isReady()) events.changed(false)
  }
  for (const each of [commands, subscriber]) {
    // The client connects again by itself, with its subscriptions; only then it is ready.
    each.on("ready", () => isReady() && events.changed(true))
    for (const event of ["error", "reconnecting", "end"]) each.on(event, fault)
    each.connect().catch(fault)
  }
  return {
    isReady: () => commands.isReady,
    command: (args) => commands.sendCommand(args.map(argument), perCommand),
    subscribe: (channel) => subscriber.subscribe(channel, (data) => events.message(channel, data), true),
    unsubscribe: (channel) => subscriber.unsubscribe(channel),
    close: () => {
      commands.destroy()
      subscriber.destroy()
    },
  }
}

export function ioRedis(client: IoRedisClient, events: RedisEvents): RedisConnections {
  const options: Overrides = { lazyConnect: true, autoResendUnfulfilledCommands: false, retryStrategy: retryMs }
  const commands = duplicate<IoRedis>(client, { ...options, enableOfflineQueue: false })
  const subscriber = duplicate<IoRedis>(client, { ...options, autoResubscribe: false })
  const channels = new Set<string>()
  let isSubscribed = false
  const look = (): void => {
    if (commands.status === "ready" && isSubscribed) events.changed(true)
  }
  subscriber.on("close", () => {
    isSubscribed = false
  })
  for (const each of [commands, subscriber]) {
    each.on("close", () => events.changed(false))
    each.on("error", () => {}) // "close" follows
  }
  commands.on("ready", look)
  subscriber.on("ready", () => {
    const all = channels.size > 0 ? subscriber.subscribe(...channels) : Promise.resolve()
    all.then(
      () => {
        isSubscribed = subscriber.status === "ready"
        look()
      },
      () => {}, // lost again: the next connection does the same
    )
  })
  subscriber.on("messageBuffer", (channel, data) => events.message(channel.toString(), data))
  for (const each of [commands, subscriber]) each.connect().catch(() => {}) // it tries again by itself
  return {
    isReady: () => commands.status === "ready",
    command: ([name, ...args]) => commands.callBuffer(String(name), ...args.map(argument)),
    subscribe: (channel) => {
      channels.add(channel)
      return subscriber.subscribe(channel)
    },
    unsubscribe: (channel) => {
      channels.delete(channel)
      return subscriber.unsubscribe(channel)
    },
    close: () => {
      commands.disconnect()
      subscriber.disconnect()
    },
  }
}

function retryMs(attempt: number): number {
  return Math.min(attempt * 50, 1000)
}

function argument(value: string | Uint8Array): string | Buffer {
  return typeof value === "string" ? value : Buffer.from(value.buffer, value.byteOffset, value.length)
}

/** A connection of our own, with the application's settings. */
function duplicate<Duplicate>(client: { duplicate(overrides?: never): unknown }, overrides: Overrides): Duplicate {
  // The client's own type of its options cannot be named without its package. Which client it is was looked at before.
  return client.duplicate(overrides as never) as Duplicate
}
