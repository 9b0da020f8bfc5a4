import { randomBytes } from "node:crypto"
import { createServer, type IncomingMessage, type RequestListener, type Server } from "node:http"
import type { AddressInfo, Socket } from "node:net"
import {
  type AnyContract,
  type Channel,
  type Contract,
  type CreateChannelOptions,
  createChannel,
  type Runtime,
} from "everwire"
import { createHub, type NodeHub, type NodeHubOptions, type Peer } from "everwire/node"

/** The four built-in transports, for `describe.each`. */
export const transports = ["websocket", "sse", "long-poll", "short-poll"] as const

/** The functions that `disposeAll` calls, newest first. */
const disposals: (() => unknown)[] = []

/** Stops everything that was started by this file. Use it as `afterEach(disposeAll)`. */
export async function disposeAll(): Promise<void> {
  for (const dispose of disposals.splice(0).reverse()) await dispose()
}

/** Has the next `disposeAll` call this function and await its result. */
export function onDispose(dispose: () => unknown): void {
  disposals.push(dispose)
}

/** A runtime with real time and random numbers, which records reports and warnings. */
export function createRuntime(
  overrides: Partial<Runtime> = {},
): Runtime & { readonly reported: unknown[]; readonly warned: string[] } {
  const reported: unknown[] = []
  const warned: string[] = []
  return {
    now: Date.now,
    after(delayMs, run) {
      const timer = setTimeout(run, Math.min(delayMs, 0x7fff_ffff))
      return () => clearTimeout(timer)
    },
    soon: queueMicrotask,
    random: Math.random,
    id: () => randomBytes(18).toString("base64url"),
    report: (error) => void reported.push(error),
    warn: (message) => void warned.push(message),
    reported,
    warned,
    ...overrides,
  }
}

/** A hub on an HTTP server of its own. */
export interface HubServer<C extends Contract<C> = AnyContract> {
  readonly hub: NodeHub<C>
  readonly server: Server
  readonly port: number
  /** The URL for channels. */
  readonly url: string
  /** The server's open connections, including upgraded ones. */
  readonly sockets: ReadonlySet<Socket>
  /** Simulates a restart of the hub's process: all connections break, and the new hub knows no session. */
  restart(options?: NodeHubOptions): NodeHub<C>
}

/** Starts an HTTP server on a free loopback port. `disposeAll` closes it with all its connections. */
export async function startServer(
  server: Server = createServer(),
): Promise<{ server: Server; port: number; sockets: ReadonlySet<Socket> }> {
  const sockets = new Set<Socket>()
  server.on("connection", (socket) => {
    sockets.add(socket)
    socket.once("close", () => sockets.delete(socket))
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  onDispose(async () => {
    for (const socket of sockets) socket.destroy()
    await new Promise((resolve) => server.close(resolve))
  })
  // The server listens on a TCP port, so its address is not a pipe.
  return { server, port: (server.address() as AddressInfo).port, sockets }
}

/** Starts a hub. `listener` is the application's own request listener. */
export async function startHub<C extends Contract<C> = AnyContract>(
  options: NodeHubOptions = {},
  listener?: RequestListener,
): Promise<HubServer<C>> {
  const started = await startServer(createServer(listener))
  let detach = (): void => {}
  const attach = (hub: NodeHub<C>): NodeHub<C> => {
    onDispose(() => hub.close())
    detach = hub.attach(started.server)
    return hub
  }
  return {
    ...started,
    hub: attach(createHub<C>(options)),
    url: `http://127.0.0.1:${started.port}/everwire`,
    restart(again = options) {
      detach()
      for (const socket of started.sockets) socket.resetAndDestroy()
      return attach(createHub<C>(again))
    },
  }
}

/**
 * Calls the listener for each request and upgrade at the server; the hub's own do not reach ordinary listeners. Returns
 * a function that stops it.
 */
export function onArrival(server: Server, listener: (request: IncomingMessage) => void): () => void {
  const { emit } = server
  let isHeard = true
  // The replaced emit stays, because others may have replaced it again.
  server.emit = function (this: Server, event: string, ...args: unknown[]) {
    // The first argument of both events is the request.
    if (isHeard && (event === "request" || event === "upgrade")) listener(args[0] as IncomingMessage)
    return Reflect.apply(emit, this, [event, ...args]) as boolean // The signature of emit.
  }
  return () => {
    isHeard = false
  }
}

/** Resolves with the next request or upgrade at the server (or the next that passes). */
export function arrival(server: Server, passes?: (request: IncomingMessage) => boolean): Promise<IncomingMessage> {
  return nextOf<IncomingMessage>((listener) => onArrival(server, listener), passes)
}

/** Creates a channel and waits until it is open. */
export async function connect<C extends Contract<C> = AnyContract>(
  url: string,
  options: CreateChannelOptions = {},
): Promise<Channel<C>> {
  const channel = createChannel<C>(url, options)
  onDispose(() => void channel.close({ flushMs: 0 })) // Its bye may reach no server, and would then take a moment.
  await channel.opened
  return channel
}

/** Starts a hub and a channel over WebSocket (unless the options say otherwise), and waits for the channel's peer. */
export async function startDuo<C extends Contract<C> = AnyContract>(
  hubOptions: NodeHubOptions = {},
  channelOptions: CreateChannelOptions = { transports: ["websocket"] },
): Promise<HubServer<C> & { channel: Channel<C>; peer: Peer<C> }> {
  const started = await startHub<C>(hubOptions)
  const peers = nextOf<Peer<C>>((listener) => started.hub.onPeer(listener))
  const channel = await connect<C>(started.url, channelOptions)
  return { ...started, channel, peer: await peers }
}

/** Resolves with the first value that a subscription delivers (or the first that passes), and unsubscribes. */
export function nextOf<T>(
  subscribe: (listener: (value: T) => void) => () => void,
  passes: (value: T) => boolean = () => true,
): Promise<T> {
  return new Promise((resolve) => {
    const off = subscribe((value) => {
      if (!passes(value)) return
      off()
      resolve(value)
    })
  })
}
