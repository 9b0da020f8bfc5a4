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

/** What `disposeAll` undoes, newest first. */
const disposals: (() => unknown)[] = []

/** Undoes everything that was started through this file: `afterEach(disposeAll)`. */
export async function disposeAll(): Promise<void> {
  for (const dispose of disposals.splice(0).reverse()) await dispose()
}

/** Calls this at the next `disposeAll`, and awaits what it gives. */
export function onDispose(dispose: () => unknown): void {
  disposals.push(dispose)
}

/** Real time and chance, with a place to see what was reported. */
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

/** A hub on an http server of its own. */
export interface HubServer<C extends Contract<C> = AnyContract> {
  readonly hub: NodeHub<C>
  readonly server: Server
  readonly port: number
  /** What a channel is created with. */
  readonly url: string
  /** The server's open connections, upgraded ones among them. */
  readonly sockets: ReadonlySet<Socket>
  /** As if the hub's process were killed and started again: connections break, and the hub that answers knows nothing. */
  restart(options?: NodeHubOptions): NodeHub<C>
}

/** An http server on a free loopback port; closed with everything that is connected to it. */
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
  return { server, port: (server.address() as AddressInfo).port, sockets } // listens on a port, so it is no pipe
}

/** Starts a hub. `listener` is what the server would do without it. */
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

/** Tells of each request and upgrade that comes to the server: those of a hub reach no listener. Returns what undoes it. */
export function onArrival(server: Server, listener: (request: IncomingMessage) => void): () => void {
  const { emit } = server
  let isHeard = true
  // It stays when it is undone, because others may have put theirs over it.
  server.emit = function (this: Server, event: string, ...args: unknown[]) {
    if (isHeard && (event === "request" || event === "upgrade")) listener(args[0] as IncomingMessage) // as Node has it
    return Reflect.apply(emit, this, [event, ...args]) as boolean // as every emit
  }
  return () => {
    isHeard = false
  }
}

/** The next request or upgrade that comes to the server (or the first that passes). */
export function arrival(server: Server, passes?: (request: IncomingMessage) => boolean): Promise<IncomingMessage> {
  return nextOf<IncomingMessage>((listener) => onArrival(server, listener), passes)
}

/** Creates a channel and waits until it is open. */
export async function connect<C extends Contract<C> = AnyContract>(
  url: string,
  options: CreateChannelOptions = {},
): Promise<Channel<C>> {
  const channel = createChannel<C>(url, options)
  onDispose(() => void channel.close({ flushMs: 0 })) // its goodbye may meet nobody, and takes a moment then
  await channel.opened
  return channel
}

/** A hub, a channel of it over WebSocket (unless asked otherwise), and the channel's peer. */
export async function startDuo<C extends Contract<C> = AnyContract>(
  hubOptions: NodeHubOptions = {},
  channelOptions: CreateChannelOptions = { transports: ["websocket"] },
): Promise<HubServer<C> & { channel: Channel<C>; peer: Peer<C> }> {
  const started = await startHub<C>(hubOptions)
  const peers = nextOf<Peer<C>>((listener) => started.hub.onPeer(listener))
  const channel = await connect<C>(started.url, channelOptions)
  return { ...started, channel, peer: await peers }
}

/** The first value that a subscription calls back with (or the first that passes). It is unsubscribed then. */
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
