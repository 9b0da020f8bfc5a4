import type { IncomingMessage, ServerResponse } from "node:http"
import type { Http2ServerRequest, Http2ServerResponse } from "node:http2"
import type { Duplex } from "node:stream"
import { type Server as SocketServer, WebSocketServer } from "ws"
import type { Entrance } from "../../server/http/entrance.ts"
import type { LinkOrigin } from "../../transports/transport.ts"
import { SUBPROTOCOL } from "../../transports/websocket/offer.ts"
import { closing, EverwireError } from "../../wire/errors.ts"
import { createChunks } from "./chunked-stream.ts"
import { type ExchangeHost, headerReader, isSecure, NodeExchange, pathOf } from "./exchange.ts"
import { type Front, type FrontHub, frontOf, frontOfSocket, serverOf } from "./front.ts"
import { HeardSocket, ignore } from "./heard-socket.ts"
import { SERVER_CLOSING } from "./hold.ts"
import type { ServedRequest, ServedResponse } from "./served.ts"
import { type AttachableServer, checkServer } from "./server.ts"
import { NodeSocket, SocketWriter } from "./socket.ts"
import { maxFragments } from "./socket-faults.ts"
import { Takings } from "./takings.ts"
import { refuseUpgrade } from "./upgrade.ts"

/**
 * Options that the types of `ws` do not have yet. `closeTimeout`: when a socket is cut whose other end does not answer
 * the closing frame, in milliseconds. `maxPendingAutoPongs`: how many pongs may wait to be written. Far above the
 * default of 60, at which `ws` ends the connection without a reason. The hub counts pings itself and closes with a
 * code.
 */
const NEW_OPTIONS = { closeTimeout: 2_000, maxPendingAutoPongs: 1_024 }

const UPGRADE_TAKEN =
  "another listener of this server's upgrades took a WebSocket of the hub's before hub.handleUpgrade was called: write " +
  "hub.attach(server), whose upgrades reach no other listener, or give each of two hubs a path of its own"

/**
 * Connects a hub with Node's servers. Has the functions `attach`, `listener` and `handleUpgrade` of {@link NodeHub}.
 */
export class NodeDoor {
  readonly #entrance: Entrance
  readonly #sockets: SocketServer<typeof HeardSocket>
  readonly #exchangeHost: ExchangeHost
  readonly #writer: SocketWriter
  /** The servers that the hub is attached to, and how many times. */
  readonly #attached = new Map<Front, number>()
  /** What the fronts of servers call for this hub. */
  readonly #guest: FrontHub

  constructor(entrance: Entrance, perMessageDeflate: boolean) {
    const { clockwork, settings } = entrance
    this.#entrance = entrance
    const takings = new Takings(clockwork, settings.takeMs)
    this.#exchangeHost = { takings, chunks: createChunks() }
    this.#writer = new SocketWriter(clockwork, takings)
    this.#sockets = new WebSocketServer({
      ...NEW_OPTIONS,
      noServer: true,
      WebSocket: HeardSocket,
      clientTracking: false,
      handleProtocols: (offered) => offered.has(SUBPROTOCOL) && SUBPROTOCOL,
      perMessageDeflate,
      maxPayload: settings.maxBatchBytes,
      maxFragments: maxFragments(settings.maxBatchBytes),
    })
    this.#guest = {
      path: settings.path,
      isClosing: () => entrance.isClosing,
      request: (request, response, front) => void this.#answer(request, response, front, false),
      upgrade: (request, socket, head, front) => void this.#upgrade(request, socket, head, front, false),
      strayed: (request) =>
        entrance.strayed(pathOf(request), { header: headerReader(request), address: request.socket.remoteAddress }),
    }
    entrance.whileClosing(() => {
      // Until the hub has closed, this timer keeps the process alive. The hub's own timers do not.
      const stay = setInterval(() => {}, 0x7fff_ffff)
      return () => {
        clearInterval(stay)
        this.#detach()
      }
    })
  }

  readonly attach = (server: AttachableServer): (() => void) => {
    const front = frontOf(checkServer(server))
    if (this.#entrance.isClosing)
      throw new EverwireError("misuse", "this hub is closed: attach a new one, of createHub()")
    if (!front.mount(this.#guest)) {
      throw new EverwireError(
        "misuse",
        `another hub is attached to this server at ${this.#guest.path}: close that one first, or give one of them a path, ` +
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

  readonly listener = (
    request: IncomingMessage | Http2ServerRequest,
    response: ServerResponse | Http2ServerResponse,
    next?: () => unknown,
  ): unknown => {
    if (!this.#answer(request, response, frontOfSocket(request.socket), true)) {
      // Returned unchanged: a framework may treat a promise as more than a call of `next`.
      if (next !== undefined) return next()
      response.writeHead(404).end()
    }
    return endOf(response)
  }

  readonly handleUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): boolean => {
    const front = frontOfSocket(request.socket)
    if (this.#upgrade(request, socket, head, front, true)) return true
    const listeners = serverOf(request.socket)?.listeners("upgrade") ?? []
    return (
      listeners.length === 1 && listeners[0] === this.handleUpgrade && front?.replay(request, socket, head) === true
    )
  }

  #detach(): void {
    for (const front of this.#attached.keys()) front.unmount(this.#guest)
    this.#attached.clear()
  }

  #answer(request: ServedRequest, response: ServedResponse, front: Front | undefined, mounted: boolean): boolean {
    const pipelined = front?.pipelining.judge(request)
    if (pipelined === "behind the last") {
      // An earlier request got the last answer of the connection, so this one is read and dropped.
      request.on("error", ignore).resume()
      return true
    }
    const exchange = new NodeExchange(request, response, this.#exchangeHost)
    const isOneTooMany = pipelined === "too many"
    const refusal = front?.open.isClosing ? SERVER_CLOSING : isOneTooMany ? PIPELINED : undefined
    if (!this.#entrance.exchange(exchange, mounted, refusal)) return false
    exchange.outliveErrors()
    front?.hold(exchange, request, response)
    if (isOneTooMany) front?.pipelining.end(request)
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
    const verdict = this.#entrance.upgrade(pathOf(request), { header, address, isSecure: isSecure(request) }, mounted)
    if (verdict === undefined) return false
    // Without a listener, a socket that breaks during the handshake would end the process.
    socket.on("error", ignore)
    if ("refusal" in verdict) {
      const { code, retryAfterMs } = verdict.refusal
      refuseUpgrade(socket, verdict.status, code, retryAfterMs)
      return true
    }
    if (front?.open.isClosing) {
      refuseUpgrade(socket, 503, SERVER_CLOSING.code)
      return true
    }
    const origin: LinkOrigin = { transport: "websocket", address, header, request }
    // The answer to a hello in the handshake goes out together with the answer to the handshake.
    socket.cork()
    try {
      this.#sockets.handleUpgrade(request, socket, head, (opened) => {
        socket.off("error", ignore) // `ws` has its own listener now
        if (front !== undefined) {
          opened.holds = front.open.holds
          front.open.holds.add(opened)
        }
        const accepted = new NodeSocket(opened, socket, this.#writer)
        verdict.take(accepted, origin)
        if (head.length > 0) accepted.came(head.length)
        accepted.flush()
      })
    } catch {
      // `ws` throws if it has upgraded the socket before, for another listener. Then the socket belongs to that one.
      this.#entrance.misused(UPGRADE_TAKEN)
    } finally {
      socket.uncork()
    }
    return true
  }
}

const PIPELINED = closing("rate-limited", "too many requests were sent on a connection before the first was answered")

/** The `resolve` of the promise that is being made; undefined otherwise. So a request needs no closure, of 96 bytes. */
let resolveLast: (() => void) | undefined
const takeResolve = (resolve: () => void): void => {
  resolveLast = resolve
}

/** Resolves when this answer has ended. */
function endOf(response: ServedResponse): Promise<void> {
  const end = new Promise<void>(takeResolve)
  const resolve = resolveLast
  resolveLast = undefined // it would keep the last answer alive, and whatever waits for its end
  if (resolve === undefined) return end
  if (response.closed) resolve()
  else response.on("close", resolve)
  return end
}
