import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import {
  Http2ServerRequest,
  Http2ServerResponse,
  type Http2Session,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
} from "node:http2"
import type { Duplex } from "node:stream"
import { decoded } from "../../server/http/router.ts"
import { readOffer } from "../../transports/websocket/offer.ts"
import { pathOf } from "./exchange.ts"
import { type Hold, SessionHold } from "./hold.ts"
import { ignore } from "./socket.ts"

/** What a hub does with a server's events. */
export interface FrontHub {
  readonly path: string
  /** Whether the hub is shutting down: then another hub may have its path. */
  isClosing(): boolean
  request(request: IncomingMessage, response: ServerResponse, front: Front): void
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer, front: Front): void
  /** A channel asked for a WebSocket where no hub is. */
  strayed(request: IncomingMessage): void
}

/** As much of a server of node:http, node:https or node:http2 as is used here. */
export interface NodeServer {
  readonly listening: boolean
  emit(event: string | symbol, ...args: unknown[]): boolean
  close(...args: unknown[]): unknown
  getConnections(told: (error: Error | null, count: number) => void): unknown
  /** Not on a server of HTTP/2. */
  closeIdleConnections?(): void
  on(event: string, listener: (...args: never[]) => void): unknown
  off(event: string, listener: (...args: never[]) => void): unknown
  listeners(event: string): unknown[]
  listenerCount(event: string): number
  /** In milliseconds; servers of HTTP/2 alone have none. */
  headersTimeout?: number
  /** Since Node 22.21 and 24.9: whether a request that asks for an upgrade becomes an `upgrade` event. */
  shouldUpgradeCallback?(request: IncomingMessage): boolean
}

/**
 * Where a server keeps its front. A registered symbol, because an application may hold several copies of this module: as
 * ESM and as CommonJS, or one more after each reload of a development server. The number changes with this interface.
 */
const FRONT = Symbol.for("everwire.front.2")

/** So many requests may wait on a connection for the answer to the one ahead of them. */
const MAX_PIPELINED = 32

/** How long a connection may take to begin and to end the head of a request, where the application has not said. */
const HEAD_MS = 15_000
/** Node's own default of the same. */
const NODE_HEAD_MS = 60_000

/** How often a server that is closing lets go of what it still waits for, in milliseconds. */
const LEAVE_MS = 500

/** The front of a server, made when it is first asked for. */
export function frontOf(server: NodeServer): Front {
  const kept = server as NodeServer & { [FRONT]?: Front } // nobody else writes to this symbol
  const { [FRONT]: known } = kept
  if (known !== undefined) return known
  const front = new Front(server)
  Object.defineProperty(server, FRONT, { value: front })
  return front
}

/** The front of the server that a socket came to; undefined where it came to none, as in tests that make requests up. */
export function frontOfSocket(socket: object | undefined): Front | undefined {
  const server = serverOf(socket)
  return server && frontOf(server)
}

/** Node puts the server on each socket that comes to it. */
export function serverOf(socket: object | undefined): NodeServer | undefined {
  const { server } = (socket ?? {}) as { server?: NodeServer | null }
  return typeof server?.close === "function" && typeof server.emit === "function" ? server : undefined
}

/**
 * What stands between one server and the hubs on it. It takes the place of the server's `emit`, so the hubs' requests
 * and upgrades reach no listener of the application, whenever that was added (decision 0028); and of its `close`, which
 * otherwise would wait for the hubs' peers to leave.
 */
export class Front {
  /** What hubs hold open on this server now. */
  readonly holds = new Set<Hold>()
  /** Answers that wait for their turn on a connection: those to requests that were sent before the one ahead was answered. */
  readonly #waiting = new WeakMap<Duplex, Set<ServerResponse>>()
  /** Connections on which too many have waited. */
  readonly #flooded = new WeakSet<Duplex>()
  /** Sessions of HTTP/2 that are among what is held open. */
  readonly #sessions = new WeakSet<Http2Session>()
  readonly #server: NodeServer
  /** The attached hubs by path, as `decoded` writes it. */
  readonly #hubs = new Map<string, FrontHub>()
  /** What `emit` and `shouldUpgradeCallback` were before the first hub was attached; undefined where they were inherited. */
  #emitBefore: PropertyDescriptor | undefined
  #askBefore: PropertyDescriptor | undefined
  /** Whether the own `emit` was reached since that was last asked. */
  #isReached = false
  /** Whether `close` was called, for the last time or an earlier one. */
  #closed = false
  /** When it next lets go of what a closing server waits for; undefined while the server is not closing. */
  #sweep: NodeJS.Timeout | undefined

  constructor(server: NodeServer) {
    this.#server = server
    this.#watchClose()
  }

  /** Whether the server takes no new connections any more, and waits for the ones there are. */
  get isClosing(): boolean {
    return this.#closed && !this.#server.listening
  }

  /**
   * Puts a hub in front of the application. Answers false when another hub has the path already. Calls with what the
   * same hub was attached with before change nothing.
   */
  mount(hub: FrontHub): boolean {
    const path = decoded(hub.path)
    const before = this.#hubs.get(path)
    if (before !== undefined && before !== hub && !before.isClosing()) return false
    this.#hubs.set(path, hub)
    this.#stepIn()
    return true
  }

  /** Takes the hub away again. With the last one the server's `emit` is what it was. */
  unmount(hub: FrontHub): void {
    const path = decoded(hub.path)
    if (this.#hubs.get(path) !== hub) return
    this.#hubs.delete(path)
    if (this.#hubs.size === 0) this.#stepBack()
  }

  /**
   * Whether too many answers wait for their turn on the connection of this request: "first" for the request with which that
   * is so, which is refused and ends the connection. Browsers and `fetch` send none before the one ahead is answered; of
   * others Node hands over hundreds in a go.
   */
  isFlooded({ socket }: IncomingMessage): false | "first" | "again" {
    const isFirst = this.#waiting.get(socket)?.size === MAX_PIPELINED && !this.#flooded.has(socket)
    if (isFirst) this.#flooded.add(socket)
    return isFirst ? "first" : this.#flooded.has(socket) && "again"
  }

  /** Keeps an exchange in mind until its answer is complete or its connection gone. */
  hold(hold: Hold, request: IncomingMessage, response: ServerResponse): void {
    this.holds.add(hold)
    response.on("close", () => this.holds.delete(hold))
    if (response.socket === null) this.#watchTurn(request.socket, response)
    if (this.isClosing) this.#sweepLater()
    const { session } = (request as { stream?: ServerHttp2Stream }).stream ?? {} // only a request of HTTP/2 has one
    if (session === undefined || this.#sessions.has(session)) return
    this.#sessions.add(session)
    const held = new SessionHold(session)
    this.holds.add(held)
    session.once("close", () => this.holds.delete(held))
    if (this.isClosing) held.leave()
  }

  /** Answers a request that came as an upgrade as if nobody listened to upgrades. False where Node's parser is not at hand. */
  replay(request: IncomingMessage, socket: Duplex, head: Buffer): boolean {
    const [parse] = createServer().listeners("connection") as ((this: unknown, socket: Duplex) => void)[] // Node's own
    if (parse === undefined) return false
    const server = this.#server
    let isFirst = true
    const once = (): boolean => {
      const was = isFirst
      isFirst = false
      return was
    }
    // The server as it was without listeners of upgrades, for one request: by the one name in older versions of Node, by
    // the other in newer ones. Everything else is the server's own, its time-outs and its count of connections among it.
    const view: unknown = Object.create(server, {
      listenerCount: {
        value: (event: string) => (event === "upgrade" && once() ? 0 : server.listenerCount(event)),
      },
      shouldUpgradeCallback: {
        value: (next: IncomingMessage) => !once() && (server.shouldUpgradeCallback?.(next) ?? true),
      },
    })
    socket.unshift(Buffer.concat([headOf(request), head]))
    parse.call(view, socket)
    Object.assign(socket, { server })
    return true
  }

  /** When a connection breaks, Node tells the answer whose turn it is and none of those that wait behind it. */
  #watchTurn(socket: Duplex, response: ServerResponse): void {
    let waiting = this.#waiting.get(socket)
    if (waiting === undefined) {
      const all = new Set<ServerResponse>()
      waiting = all
      this.#waiting.set(socket, all)
      socket.once("close", () => {
        for (const each of all) if (each.socket === null) each.destroy().emit("close")
      })
    }
    const those = waiting
    those.add(response)
    response.on("close", () => those.delete(response))
  }

  #hubAt(pathname: string): FrontHub | undefined {
    const slash = pathname.lastIndexOf("/")
    return slash < pathname.length - 1 ? this.#hubs.get(decoded(pathname.slice(0, slash))) : undefined
  }

  #stepIn(): void {
    const server = this.#server
    this.#keepHearing()
    // Somebody may have put an `emit` of theirs over this one, and it is still asked; or have taken both away.
    this.#isReached = false
    server.emit(FRONT)
    if (this.#isReached) return
    this.#emitBefore = Object.getOwnPropertyDescriptor(server, "emit")
    this.#askBefore = Object.getOwnPropertyDescriptor(server, "shouldUpgradeCallback")
    if (server.headersTimeout === NODE_HEAD_MS) server.headersTimeout = HEAD_MS
    own(server, "emit", this.#emit)
    own(server, "shouldUpgradeCallback", this.#shouldUpgrade)
  }

  #stepBack(): void {
    const server = this.#server
    server.off("upgrade", hearUpgrades)
    // Somebody has put an `emit` of theirs over this one: it stays, and passes everything on.
    if (server.emit !== this.#emit) return
    restore(server, "emit", this.#emitBefore)
    if (server.headersTimeout === HEAD_MS) server.headersTimeout = NODE_HEAD_MS
    if (server.shouldUpgradeCallback === this.#shouldUpgrade) restore(server, "shouldUpgradeCallback", this.#askBefore)
  }

  /** Node makes an `upgrade` event only where somebody listens to it. */
  #keepHearing(): void {
    if (!this.#server.listeners("upgrade").includes(hearUpgrades)) this.#server.on("upgrade", hearUpgrades)
  }

  /** Whether the application, or something in it, listens to upgrades. */
  #othersHear(): boolean {
    return this.#server.listeners("upgrade").some((listener) => listener !== hearUpgrades)
  }

  readonly #emit = (event: string | symbol, ...args: unknown[]): boolean => {
    if (event === FRONT) {
      this.#isReached = true
      return true
    }
    if (this.#hubs.size === 0) return this.#pass(event, args)
    switch (event) {
      case "connection":
        this.#keepHearing() // `removeAllListeners` may have been called
        return this.#pass(event, args)
      case "request":
      case "checkContinue":
      case "checkExpectation":
        return this.#request(event, ...(args as [IncomingMessage, ServerResponse])) // the three events have these
      case "upgrade":
        return this.#upgrade(...(args as [IncomingMessage, Duplex, Buffer])) // as above
      case "stream":
        return this.#stream(...(args as [ServerHttp2Stream, IncomingHttpHeaders, number, string[]])) // as above
      default:
        return this.#pass(event, args)
    }
  }

  #pass(event: string | symbol, args: unknown[]): boolean {
    const server = this.#server
    // The prototype is asked each time: what measures applications may replace its `emit`.
    const before = (this.#emitBefore?.value ?? Object.getPrototypeOf(server).emit) as NodeServer["emit"]
    return Reflect.apply(before, server, [event, ...args])
  }

  #request(event: string, request: IncomingMessage, response: ServerResponse): boolean {
    const hub = this.#hubAt(pathOf(request))
    if (hub === undefined) {
      const heard = this.#pass(event, [request, response])
      if (!heard && event === "request") response.writeHead(404).end()
      return heard
    }
    if (event === "checkContinue") response.writeContinue()
    hub.request(request, response, this)
    return true
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): boolean {
    const hub = this.#hubAt(pathOf(request))
    if (hub === undefined && this.#othersHear()) return this.#pass("upgrade", [request, socket, head])
    if (hub === undefined && isOfChannel(request)) for (const other of this.#hubs.values()) other.strayed(request)
    if (hub !== undefined && asksForWebSocket(request)) hub.upgrade(request, socket, head, this)
    // Nobody would have heard of it before the hub was attached: then Node ignores the header (RFC 9110, section 7.8).
    else if (!this.replay(request, socket, head)) refuseUpgrade(socket, 404, "Not Found")
    return true
  }

  /** HTTP/2: before a request is made of the stream, because that happens only where somebody listens to requests. */
  #stream(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, flags: number, rawHeaders: string[]): boolean {
    const { ":path": path = "", ":method": method } = headers
    const hub = method === "CONNECT" ? undefined : this.#hubAt(path.split("?", 1)[0] ?? "")
    if (hub === undefined) return this.#pass("stream", [stream, headers, flags, rawHeaders])
    const response = new Http2ServerResponse(stream)
    if (headers.expect !== undefined) response.writeContinue()
    const request = new Http2ServerRequest(stream, headers, {}, rawHeaders)
    // The compatibility API: of the same shape, as far as a hub goes.
    hub.request(request as unknown as IncomingMessage, response as unknown as ServerResponse, this)
    return true
  }

  readonly #shouldUpgrade = (request: IncomingMessage): boolean => {
    if (this.#hubAt(pathOf(request)) !== undefined) {
      this.#keepHearing()
      return asksForWebSocket(request)
    }
    const before = this.#askBefore?.value as NodeServer["shouldUpgradeCallback"]
    if (before === undefined) return this.#othersHear()
    // What Node puts there counts the listeners; the hub's is none of the application's.
    const server = this.#server
    const listenerCount = (event: string): number =>
      server.listeners(event).filter((listener) => listener !== hearUpgrades).length
    return before.call(Object.create(server as object, { listenerCount: { value: listenerCount } }), request)
  }

  #watchClose(): void {
    const server = this.#server
    const before = Object.getOwnPropertyDescriptor(server, "close")
    const leave = (): void => this.#leave()
    own(server, "close", function (this: unknown, ...args: unknown[]): unknown {
      const close = (before?.value ?? Object.getPrototypeOf(server).close) as NodeServer["close"]
      const result: unknown = Reflect.apply(close, this, args)
      leave()
      return result
    })
  }

  /** The server is closing, which it does when its last connection has ended: what hubs hold is let go. */
  #leave(): void {
    this.#closed = true
    for (const hold of [...this.holds]) hold.leave()
    this.#sweepLater()
  }

  /**
   * Node closes the connections that are idle when `close` is called, and no others. A channel's request may be on its way
   * then, to a hub that is closed: the application answers it, and the channel would dial again on that connection.
   */
  #sweepLater(): void {
    // A server has no runtime of its own, and whatever is to be cut keeps the process alive by itself.
    this.#sweep ??= setTimeout(() => {
      this.#sweep = undefined
      if (!this.isClosing) return
      for (const hold of [...this.holds]) hold.cut()
      this.#server.closeIdleConnections?.()
      this.#server.getConnections((_, count) => count > 0 && this.#sweepLater())
    }, LEAVE_MS).unref()
  }
}

/** Listens to upgrades and does nothing: `emit` has seen them before. */
function hearUpgrades(): void {}

function asksForWebSocket({ headers }: IncomingMessage): boolean {
  return /\bwebsocket\b/i.test(headers.upgrade ?? "")
}

/** Whether a channel asks: its hello is in the handshake. */
function isOfChannel({ headers }: IncomingMessage): boolean {
  return readOffer(headers["sec-websocket-protocol"]) !== undefined
}

/** Sets a property that is not listed among the object's own. */
function own(server: NodeServer, name: string, value: unknown): void {
  Object.defineProperty(server, name, { value, configurable: true, writable: true, enumerable: false })
}

function restore(server: NodeServer, name: string, before: PropertyDescriptor | undefined): void {
  if (before === undefined) Reflect.deleteProperty(server, name)
  else Object.defineProperty(server, name, before)
}

/** The head of a request (RFC 9112, sections 3 and 5) as it came. */
function headOf({ method, url, httpVersion, rawHeaders }: IncomingMessage): Buffer {
  let head = `${method} ${url} HTTP/${httpVersion}\r\n`
  for (let i = 0; i < rawHeaders.length; i += 2) head += `${rawHeaders[i]}: ${rawHeaders[i + 1]}\r\n`
  return Buffer.from(`${head}\r\n`, "latin1")
}

/** Nothing of the request is repeated in the answer. `retryAfterMs`: for how long the client is to wait. */
export function refuseUpgrade(socket: Duplex, status: number, reason: string, retryAfterMs?: number): void {
  socket.on("error", ignore) // the client may be gone already
  // An upgraded socket may stay half-open: it is let go without waiting for the client's end.
  socket.once("finish", () => socket.destroy())
  const wait = retryAfterMs === undefined ? "" : `Retry-After: ${Math.ceil(retryAfterMs / 1_000)}\r\n`
  socket.end(`HTTP/1.1 ${status} ${reason}\r\nConnection: close\r\nContent-Length: 0\r\n${wait}\r\n`)
}
