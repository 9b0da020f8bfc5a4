import EventEmitter from "eventemitter3"
import type { AnyContract, Contract } from "../messaging/contract.ts"
import type { Hub } from "../server/hub.ts"
import type { Principal } from "../server/peer.ts"
import type { HubSocket } from "./hub-socket.ts"
import { type Entry, refusal, routerOf } from "./router.ts"
import type { SocketRequest } from "./socket-request.ts"

/** Options of {@link createWebSocketServer}. */
export interface WebSocketServerOptions {
  /**
   * The path of the sockets that this server gets, like `/graphql`. Default: it gets those that no server with a path gets. A
   * hub has one server for each path, and one without.
   */
  path?: string | undefined
  /**
   * Chooses one of the sub-protocols that a client offers, which is one at least. A client that offers some and gets none
   * closes its socket. Default: the first.
   */
  handleProtocols?: ((protocols: Set<string>, request: SocketRequest) => string | false) | undefined
  /** Most sockets of one peer that are open at once. One more is refused. Default 100. */
  maxSocketsPerPeer?: number | undefined
}

/** The arguments of each event's listeners. */
export interface WebSocketServerEvents {
  connection: [socket: HubSocket, request: SocketRequest]
  /** The server is closed, and so are all of its sockets. */
  close: []
  error: [error: Error]
}

const MAX_SOCKETS_PER_PEER = 100

/** What gets the sockets of a hub, with the interface of the `ws` package's `WebSocketServer`. */
export class WebSocketServer extends EventEmitter<WebSocketServerEvents> implements Entry {
  /** The options. Libraries that follow `ws` set `handleProtocols` here. */
  readonly options: WebSocketServerOptions
  /** The sockets that are open or closing. */
  readonly clients = new Set<HubSocket>()
  readonly #leave: () => void
  #state: "running" | "closing" | "closed" = "running"

  /** @internal */
  constructor(hub: Hub, options: WebSocketServerOptions) {
    super()
    const { path, maxSocketsPerPeer = MAX_SOCKETS_PER_PEER } = options
    if (path !== undefined && !path.startsWith("/")) {
      throw new TypeError(`path begins with a slash, like "/graphql"; given: ${path}`)
    }
    if (!(maxSocketsPerPeer >= 0)) throw new TypeError("maxSocketsPerPeer is a number, 0 or more")
    this.options = { ...options } // libraries set some
    this.#leave = routerOf(hub).enter(this)
  }

  /**
   * Takes no more sockets. Those that are open stay: close them by `clients`. `close` is emitted, and `callback` called,
   * when the last has closed.
   */
  close(callback?: (error?: Error) => void): void {
    if (this.#state === "closed") {
      queueMicrotask(() => callback?.(new Error("the server is closed already")))
      return
    }
    if (callback) this.once("close", callback)
    if (this.#state === "closing") return
    this.#state = "closing"
    this.#leave()
    if (this.clients.size === 0) queueMicrotask(() => this.#end())
  }

  /** @internal */
  get path(): string | undefined {
    return this.options.path
  }

  /** @internal @throws RequestFailure `over-capacity` */
  choose(offered: readonly string[], request: SocketRequest, sockets: Iterable<HubSocket>): string {
    let own = 0
    for (const socket of sockets) if (this.clients.has(socket)) own++
    if (own >= (this.options.maxSocketsPerPeer ?? MAX_SOCKETS_PER_PEER)) {
      throw refusal("over-capacity", "the peer has as many sockets as it may have")
    }
    if (offered.length === 0) return ""
    const { handleProtocols } = this.options
    return (handleProtocols ? handleProtocols(new Set(offered), request) : offered[0]) || ""
  }

  /** @internal */
  opened(socket: HubSocket, request: SocketRequest): void {
    this.clients.add(socket)
    socket.once("close", () => {
      this.clients.delete(socket)
      if (this.#state === "closing" && this.clients.size === 0) queueMicrotask(() => this.#end())
    })
    this.emit("connection", socket, request)
  }

  #end(): void {
    if (this.#state === "closed") return
    this.#state = "closed"
    this.emit("close")
  }
}

/**
 * Takes the sockets that channels open over this hub, for libraries that serve on the `ws` package. All four transports
 * carry them.
 *
 * @throws TypeError if the hub has a server for this path already
 * @example
 * const server = createWebSocketServer(hub, { path: "/graphql" })
 * useServer({ schema }, server)
 */
export function createWebSocketServer<
  C extends Contract<C> = AnyContract,
  P extends Principal = Principal,
  D = unknown,
>(hub: Hub<C, P, D>, options: WebSocketServerOptions = {}): WebSocketServer {
  return new WebSocketServer(hub as unknown as Hub, options) // contracts exist only as types, and do not name what sockets say
}
