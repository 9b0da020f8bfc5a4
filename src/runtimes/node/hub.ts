import type { IncomingMessage, ServerResponse } from "node:http"
import type { Http2ServerRequest, Http2ServerResponse } from "node:http2"
import type { Duplex } from "node:stream"
import { type Server as SocketServer, WebSocketServer } from "ws"
import type { AnyContract, Contract } from "../../messaging/contract.ts"
import { Hub, maxBatchBytes } from "../../server/hub.ts"
import type { HubOptions } from "../../server/options.ts"
import type { Principal } from "../../server/peer.ts"
import { httpTransports, resolveAcceptors } from "../../server/transports.ts"
import type { Acceptor, LinkOrigin } from "../../transports/transport.ts"
import { websocketAcceptor } from "../../transports/websocket/acceptor.ts"
import { SUBPROTOCOL } from "../../transports/websocket/offer.ts"
import { MAX_PAYLOAD_BYTES, TAKE_DEADLINE_MS } from "../../wire/defaults.ts"
import { closing, EverwireError } from "../../wire/errors.ts"
import { headerReader, isSecure, NodeExchange, pathOf } from "./exchange.ts"
import { type Front, type FrontHub, frontOf, frontOfSocket, refuseUpgrade, serverOf } from "./front.ts"
import { SERVER_CLOSING } from "./hold.ts"
import { type AttachableServer, checkServer } from "./server.ts"
import { HeardSocket, ignore, NodeSocket, SocketWriter } from "./socket.ts"
import { Takings } from "./takings.ts"

/** Options of a hub on Node. */
export interface NodeHubOptions<P extends Principal = Principal> extends HubOptions<P> {
  /** What is offered, by name or as an acceptor of one's own. Default: all four. The order does not matter here. */
  readonly transports?: readonly (NodeTransportName | Acceptor)[] | undefined
  /** Whether `permessage-deflate` (RFC 7692) is offered. Default `false`: it costs memory and CPU for every peer. */
  readonly perMessageDeflate?: boolean | undefined
}

/** Transports that a hub on Node knows by name. */
export type NodeTransportName = "websocket" | "sse" | "long-poll" | "short-poll"

/** A socket whose other end does not answer a closing frame is cut after this. The types of `ws` do not know the option yet. */
const CLOSE_OPTIONS = { closeTimeout: 2_000 }

const UPGRADE_TAKEN =
  "another listener of this server's upgrades took a WebSocket of the hub's before hub.handleUpgrade was called: write " +
  "hub.attach(server), whose upgrades reach no other listener, or give each of two hubs a path of its own"

const transports = { websocket: websocketAcceptor, ...httpTransports } as const

/** A hub that mounts on Node's `http.Server` and on everything built upon it. */
export class NodeHub<C extends Contract<C> = AnyContract, P extends Principal = Principal> extends Hub<C, P> {
  readonly #sockets: SocketServer<typeof HeardSocket>
  readonly #takings: Takings
  readonly #writer: SocketWriter
  /** The servers that it is attached to, and how often. */
  readonly #attached = new Map<Front, number>()
  /** What the fronts of servers know of this hub. */
  readonly #guest: FrontHub

  constructor(options: NodeHubOptions<P>) {
    super(options, resolveAcceptors(options, ["websocket", "sse", "long-poll", "short-poll"], transports), {
      transports: "",
      perMessageDeflate: "boolean",
    })
    this.#takings = new Takings(this.clockwork, options.takeMs ?? TAKE_DEADLINE_MS)
    this.#writer = new SocketWriter(this.clockwork, this.#takings)
    this.#sockets = new WebSocketServer({
      ...CLOSE_OPTIONS,
      noServer: true,
      WebSocket: HeardSocket,
      clientTracking: false,
      handleProtocols: (offered) => offered.has(SUBPROTOCOL) && SUBPROTOCOL,
      perMessageDeflate: options.perMessageDeflate ?? false,
      maxPayload: maxBatchBytes(options.maxPayloadBytes ?? MAX_PAYLOAD_BYTES),
    })
    this.#guest = {
      path: this.path,
      isClosing: () => this.isClosing,
      request: (request, response, front) => void this.#answer(request, response, front, false),
      upgrade: (request, socket, head, front) => void this.#upgrade(request, socket, head, front, false),
      strayed: (request) =>
        this.strayed(pathOf(request), { header: headerReader(request), address: request.socket.remoteAddress }),
    }
  }

  /**
   * Puts the hub in front of whatever the server does already, and will do: the hub's paths never reach the listeners of
   * `request` and `upgrade`, in whichever order they come and go. Everything else reaches them as before. A request that
   * nobody listens to is answered 404. Takes a server of node:http, node:https or node:http2, listening or not. Returns
   * what undoes it; `hub.close()` does too.
   *
   * A `headersTimeout` of the server that is Node's default, 60 s, is 15 s while a hub is attached: within that, and the
   * server's `connectionsCheckingInterval`, connections are closed whose request does not begin or end.
   *
   * When the server is closed, the channels on it are told to dial again: `server.close()` does not wait for them.
   *
   * @throws EverwireError `misuse` on what is no such server (an application of a framework: the message says what to
   * write), when another hub is attached at this path, and when the hub is closed.
   */
  attach(server: AttachableServer): () => void {
    const front = frontOf(checkServer(server))
    if (this.isClosing) throw new EverwireError("misuse", "this hub is closed: attach a new one, of createHub()")
    if (!front.mount(this.#guest)) {
      throw new EverwireError(
        "misuse",
        `another hub is attached to this server at ${this.path}: close that one first, or give one of them a path, ` +
          'as in createHub({ path: "/other" })',
      )
    }
    this.#attached.set(front, (this.#attached.get(front) ?? 0) + 1)
    let isAttached = true
    return () => {
      if (!isAttached) return
      isAttached = false
      const times = this.#attached.get(front) ?? 0
      if (times > 1) this.#attached.set(front, times - 1)
      else if (this.#attached.delete(front)) front.unmount(this.#guest)
    }
  }

  /**
   * A request listener, and middleware of Express, Connect, Fastify and Koa. Calls `next` for paths that are not the hub's,
   * and returns what that returns; without a `next` they are answered 404. For the hub's own it returns a promise, which
   * resolves when the answer has ended, for frameworks that answer by themselves when their handler has returned. (The
   * type does not say so, because who passes it to `createServer` has no use for a promise.)
   */
  readonly listener = (
    request: IncomingMessage | Http2ServerRequest,
    response: ServerResponse | Http2ServerResponse,
    next?: () => unknown,
  ): unknown => {
    // The compatibility API of node:http2 is of the same shape, as far as is used here.
    const asked = request as IncomingMessage
    const answer = response as ServerResponse
    if (!this.#answer(asked, answer, frontOfSocket(asked.socket), true)) {
      // As it is: a framework may take a promise for more than a call of `next`.
      if (next !== undefined) return next()
      answer.writeHead(404).end()
    }
    return endOf(answer)
  }

  /**
   * For a server's `upgrade` event. `false` when the path is not the hub's: then the socket is the caller's to answer. As
   * the only listener of that event, it has what is not the hub's answered as a request.
   */
  readonly handleUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): boolean => {
    const front = frontOfSocket(request.socket)
    if (this.#upgrade(request, socket, head, front, true)) return true
    const listeners = serverOf(request.socket)?.listeners("upgrade") ?? []
    return (
      listeners.length === 1 && listeners[0] === this.handleUpgrade && front?.replay(request, socket, head) === true
    )
  }

  override async close(options?: { drainMs?: number | undefined }): Promise<void> {
    // What is waited for here has to keep the process alive; the hub's own timers do not.
    const stay = setInterval(() => {}, 0x7fff_ffff)
    try {
      await super.close(options)
    } finally {
      clearInterval(stay)
    }
    for (const front of this.#attached.keys()) front.unmount(this.#guest)
    this.#attached.clear()
  }

  #answer(request: IncomingMessage, response: ServerResponse, front: Front | undefined, mounted: boolean): boolean {
    const flooded = front?.isFlooded(request) ?? false
    if (flooded === "again") {
      // Nothing is answered behind the last answer of the connection, so nothing is heard either.
      request.on("error", ignore).resume()
      return true
    }
    const exchange = new NodeExchange(request, response, this.#takings)
    const refusal = front?.isClosing ? SERVER_CLOSING : flooded ? PIPELINED : undefined
    if (!this.exchange(exchange, mounted, refusal)) return false
    exchange.outliveErrors()
    front?.hold(exchange, request, response)
    // No more is read until those ahead have been answered.
    if (flooded) request.socket.pause()
    return true
  }

  #upgrade(
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
    front: Front | undefined,
    mounted: boolean,
  ): boolean {
    const header = headerReader(request)
    const address = request.socket.remoteAddress
    const verdict = this.upgrade(pathOf(request), { header, address, isSecure: isSecure(request) }, mounted)
    if (verdict === undefined) return false
    // A socket that breaks during the handshake must not end the process.
    socket.on("error", ignore)
    if ("refusal" in verdict) {
      const { code, retryAfterMs } = verdict.refusal
      refuseUpgrade(socket, verdict.status, code, retryAfterMs)
      return true
    }
    if (front?.isClosing) {
      refuseUpgrade(socket, 503, SERVER_CLOSING.code)
      return true
    }
    const origin: LinkOrigin = { transport: "websocket", address, header, request }
    // The answer to a hello that came with the upgrade goes out with the handshake.
    socket.cork()
    try {
      this.#sockets.handleUpgrade(request, socket, head, (opened) => {
        socket.off("error", ignore) // ws has its own now
        if (front !== undefined) {
          opened.holds = front.holds
          front.holds.add(opened)
        }
        const accepted = new NodeSocket(opened, socket, this.#writer)
        verdict.take(accepted, origin)
        if (head.length > 0) accepted.came(head.length)
        accepted.flush()
      })
    } catch {
      // What `ws` throws on a socket that it has handed out. The socket is not ours to end.
      this.misused(UPGRADE_TAKEN)
    } finally {
      socket.uncork()
    }
    return true
  }
}

const PIPELINED = closing("rate-limited", "too many requests were sent on a connection before the first was answered")

/** The promise that was made last is resolved by this. Kept here, so that a request needs no closure for it: 96 B. */
let resolveLast = (): void => {}
const takeResolve = (resolve: () => void): void => {
  resolveLast = resolve
}

/** Resolves when this answer has ended. */
function endOf(response: ServerResponse): Promise<void> {
  const end = new Promise<void>(takeResolve)
  if (response.closed) resolveLast()
  else response.on("close", resolveLast)
  return end
}

/**
 * Makes a hub for Node. What `authenticate` returns is the type of `peer.principal`; beside a contract, which is given as a
 * type, it is given too: `createHub<Chat, User>({ authenticate })`.
 *
 * @throws EverwireError `misuse` on an unknown transport, or a path, an origin or a proxy that is none.
 * @example
 * const hub = createHub<Chat>()
 * hub.attach(http.createServer().listen(8080))
 * hub.on("chat", (data) => hub.send("chat", data))
 */
export function createHub<C extends Contract<C> = AnyContract, P extends Principal = Principal>(
  options: NodeHubOptions<P> = {},
): NodeHub<C, P> {
  return new NodeHub<C, P>(options)
}
