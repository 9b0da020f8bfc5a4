import type { IncomingMessage, ServerResponse } from "node:http"
import { Http2ServerRequest, Http2ServerResponse, type IncomingHttpHeaders, type ServerHttp2Stream } from "node:http2"
import type { Duplex } from "node:stream"
import { decoded } from "../../server/http/router.ts"
import { pathOf } from "./exchange.ts"
import { HeldOpen } from "./held-open.ts"
import type { Hold } from "./hold.ts"
import { Pipelining } from "./pipelining.ts"
import type { ServedRequest, ServedResponse } from "./served.ts"
import { type NodeServer, own } from "./server.ts"
import { asksForWebSocket, isOfChannel, refuseUpgrade, replay } from "./upgrade.ts"

/** What a hub does with a server's events. */
export interface FrontHub {
  readonly path: string
  /** Whether the hub is shutting down: then another hub may have its path. */
  isClosing(): boolean
  request(request: ServedRequest, response: ServedResponse, front: Front): void
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer, front: Front): void
  /** A channel asked for a WebSocket where no hub is. */
  strayed(request: IncomingMessage): void
}

/**
 * Where a server keeps its front. A registered symbol, because an application may hold several copies of this module: as
 * ESM and as CommonJS, or one more after each reload of a development server. The number changes with this interface.
 */
const FRONT = Symbol.for("everwire.front.3")

/** How long a connection may take to begin and to end the head of a request, where the application has not said. */
const HEAD_MS = 15_000
/** Node's own default of the same. */
const NODE_HEAD_MS = 60_000

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
 * and upgrades reach no listener of the application, whenever that was added (decision 0028).
 */
export class Front {
  /** What hubs hold open on this server. */
  readonly open: HeldOpen
  readonly pipelining = new Pipelining()
  readonly #server: NodeServer
  /** The attached hubs by path, as `decoded` writes it. */
  readonly #hubs = new Map<string, FrontHub>()
  /** What `emit` and `shouldUpgradeCallback` were before the first hub was attached; undefined where they were inherited. */
  #emitBefore: PropertyDescriptor | undefined
  #askBefore: PropertyDescriptor | undefined
  /** Whether the own `emit` was reached since that was last asked. */
  #isReached = false
  constructor(server: NodeServer) {
    this.#server = server
    this.open = new HeldOpen(server)
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

  /** Keeps an exchange in mind until its answer is complete or its connection gone. */
  hold(hold: Hold, request: ServedRequest, response: ServedResponse): void {
    this.open.add(hold, request, response)
    this.pipelining.watch(request, response)
  }

  /** Answers a request that came as an upgrade as if nobody listened to upgrades. False where Node's parser is not at hand. */
  replay(request: IncomingMessage, socket: Duplex, head: Buffer): boolean {
    return replay(this.#server, request, socket, head)
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
    hub.request(request, response, this)
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
}

/** Listens to upgrades and does nothing: `emit` has seen them before. */
function hearUpgrades(): void {}

function restore(server: NodeServer, name: string, before: PropertyDescriptor | undefined): void {
  if (before === undefined) Reflect.deleteProperty(server, name)
  else Object.defineProperty(server, name, before)
}
