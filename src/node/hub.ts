import type { IncomingMessage, Server, ServerResponse } from "node:http"
import type { Duplex } from "node:stream"
import { type Server as SocketServer, WebSocketServer } from "ws"
import type { AnyContract, Contract } from "../kernel/contract.ts"
import { MAX_PAYLOAD_BYTES } from "../kernel/defaults.ts"
import { Hub, maxBatchBytes } from "../server/hub.ts"
import type { HubOptions } from "../server/options.ts"
import { httpTransports, resolveAcceptors } from "../server/transports.ts"
import type { Acceptor, LinkOrigin } from "../transports/transport.ts"
import { websocketAcceptor } from "../transports/websocket/acceptor.ts"
import { headerReader, isSecure, NodeExchange, urlOf } from "./exchange.ts"
import { mountFront, refuseUpgrade } from "./front.ts"
import { HeardSocket, ignore, NodeSocket, SocketWriter } from "./socket.ts"

/** Options of a hub on Node. */
export interface NodeHubOptions extends HubOptions {
  /** What is offered, by name or as an acceptor of one's own. Default: all four. The order does not matter here. */
  readonly transports?: readonly (NodeTransportName | Acceptor)[]
  /** Whether `permessage-deflate` (RFC 7692) is offered. Default `false`: it costs memory and CPU for every peer. */
  readonly perMessageDeflate?: boolean
}

/** Transports that a hub on Node knows by name. */
export type NodeTransportName = "websocket" | "sse" | "long-poll" | "short-poll"

/** A socket whose other end does not answer a closing frame is cut after this. The types of `ws` do not know the option yet. */
const CLOSE_OPTIONS = { closeTimeout: 2_000 }

const transports = { websocket: websocketAcceptor, ...httpTransports } as const

/** A hub that mounts on Node's `http.Server` and on everything built upon it. */
export class NodeHub<C extends Contract = AnyContract> extends Hub<C> {
  readonly #sockets: SocketServer<typeof HeardSocket>
  readonly #writer = new SocketWriter(this.clockwork)
  /** Undoes each `attach`. */
  readonly #detach: (() => void)[] = []

  constructor(options: NodeHubOptions) {
    super(options, resolveAcceptors(options.transports ?? ["websocket", "sse", "long-poll", "short-poll"], transports))
    this.#sockets = new WebSocketServer({
      ...CLOSE_OPTIONS,
      noServer: true,
      WebSocket: HeardSocket,
      clientTracking: false,
      perMessageDeflate: options.perMessageDeflate ?? false,
      maxPayload: maxBatchBytes(options.maxPayloadBytes ?? MAX_PAYLOAD_BYTES),
    })
  }

  /**
   * Puts the hub in front of whatever the server does already: its paths never reach the `request` listeners, its
   * upgrades are taken, and an upgrade that nobody claims is answered 404 instead of being left open for ever. Returns
   * what undoes it.
   */
  attach(server: Server): () => void {
    const detach = mountFront(server, {
      request: (request, response) => this.#answer(request, response, false),
      upgrade: (request, socket, head) => this.#upgrade(request, socket, head, false),
    })
    this.#detach.push(detach)
    return detach
  }

  /** A request listener, and middleware of Express, Connect, Fastify and Koa. Calls `next` for paths that are not the hub's. */
  readonly listener = (request: IncomingMessage, response: ServerResponse, next?: () => void): void => {
    if (this.#answer(request, response, true)) return
    if (next !== undefined) next()
    else response.writeHead(404).end()
  }

  /** For a server's `upgrade` event. `false` when the path is not the hub's: then the socket is the caller's to answer. */
  readonly handleUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): boolean =>
    this.#upgrade(request, socket, head, true)

  override async close(options?: { drainMs?: number }): Promise<void> {
    await super.close(options)
    for (const detach of this.#detach.splice(0)) detach()
  }

  #answer(request: IncomingMessage, response: ServerResponse, mounted: boolean): boolean {
    const exchange = new NodeExchange(request, response, this.clockwork)
    const taken = this.exchange(exchange, mounted)
    if (taken) exchange.outliveErrors()
    return taken
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer, mounted: boolean): boolean {
    const [pathname] = urlOf(request)
    const header = headerReader(request)
    const address = request.socket.remoteAddress
    const verdict = this.upgrade(pathname, { header, address, isSecure: isSecure(request) }, mounted)
    if (verdict === undefined) return false
    // A socket that breaks during the handshake must not end the process.
    socket.on("error", ignore)
    if ("refusal" in verdict) {
      refuseUpgrade(socket, verdict.status, verdict.refusal.code)
      return true
    }
    const origin: LinkOrigin = { transport: "websocket", address, header }
    // The answer to a hello that came with the upgrade goes out with the handshake.
    socket.cork()
    try {
      this.#sockets.handleUpgrade(request, socket, head, (opened) => {
        socket.off("error", ignore) // ws has its own now
        const accepted = new NodeSocket(opened, socket, this.#writer)
        verdict.take(accepted, origin)
        accepted.flush()
      })
    } finally {
      socket.uncork()
    }
    return true
  }
}

/**
 * Makes a hub for Node.
 *
 * @throws EverwireError `misuse` on an unknown transport, or a path, an origin or a proxy that is none.
 * @example
 * const hub = createHub<Chat>()
 * hub.attach(http.createServer().listen(8080))
 * hub.on("chat", (data) => hub.send("chat", data))
 */
export function createHub<C extends Contract = AnyContract>(options: NodeHubOptions = {}): NodeHub<C> {
  return new NodeHub<C>(options)
}
