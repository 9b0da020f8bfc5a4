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

/** What a front calls for the events of its server that are for a hub. */
export interface FrontHub {
  readonly path: string
  /** Whether the hub is closing. Then another hub may take its path. */
  isClosing(): boolean
  request(request: ServedRequest, response: ServedResponse, front: Front): void
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer, front: Front): void
  /** A channel asked for a WebSocket at a path without a hub. */
  strayed(request: IncomingMessage): void
}

/**
 * The property in which a server keeps its front. A registered symbol, because a process may load this module several
 * times: as ESM and as CommonJS, or again after each reload of a development server. The number must change when the
 * interface of `Front` does.
 */
const FRONT = Symbol.for("everwire.front.3")

/** How long a client may take to send the head of a request, in milliseconds, unless the application has set a time. */
const HEAD_MS = 15_000
/** Node's default for the same. */
const NODE_HEAD_MS = 60_000

/** Returns the front of a server, and makes it for the first call. */
export function frontOf(server: NodeServer): Front {
  const kept = server as NodeServer & { [FRONT]?: Front } // only this file writes the property
  const { [FRONT]: known } = kept
  if (known !== undefined) return known
  const front = new Front(server)
  Object.defineProperty(server, FRONT, { value: front })
  return front
}

/** Returns the front of a socket's server; undefined if the socket has no server, as with made-up requests in tests. */
export function frontOfSocket(socket: object | undefined): Front | undefined {
  const server = serverOf(socket)
  return server && frontOf(server)
}

/** Returns the server of a socket. Node sets it on each socket that a server has accepted. */
export function serverOf(socket: object | undefined): NodeServer | undefined {
  const { server } = (socket ?? {}) as { server?: NodeServer | null }
  return typeof server?.close === "function" && typeof server.emit === "function" ? server : undefined
}

/**
 * Stands between one server and the hubs on it. It replaces the server's `emit`, so that requests and upgrades for hubs
 * reach no listener of the application, whenever that was added (decision 0028).
 */
export class Front {
  /** What hubs hold open on this server. */
  readonly open: HeldOpen
  readonly pipelining = new Pipelining()
  readonly #server: NodeServer
  /** The attached hubs by their paths, in the form of `decoded`. */
  readonly #hubs = new Map<string, FrontHub>()
  /** The server's own `emit` and `shouldUpgradeCallback` before the first hub was attached; undefined if inherited. */
  #emitBefore: PropertyDescriptor | undefined
  #askBefore: PropertyDescriptor | undefined
  /** Set when `#emit` gets the event `FRONT`. So `#stepIn` finds out whether it is still installed. */
  #isReached = false
  constructor(server: NodeServer) {
    this.#server = server
    this.open = new HeldOpen(server)
  }

  /**
   * Puts a hub before the application. Returns false if another hub has the path. Mounting the same hub again changes
   * nothing.
   */
  mount(hub: FrontHub): boolean {
    const path = decoded(hub.path)
    const before = this.#hubs.get(path)
    if (before !== undefined && before !== hub && !before.isClosing()) return false
    this.#hubs.set(path, hub)
    this.#stepIn()
    return true
  }

  /** Removes the hub. After the last one, the server has its former `emit` again. */
  unmount(hub: FrontHub): void {
    const path = decoded(hub.path)
    if (this.#hubs.get(path) !== hub) return
    this.#hubs.delete(path)
    if (this.#hubs.size === 0) this.#stepBack()
  }

  /** Holds an exchange until its answer is complete or its connection is gone. */
  hold(hold: Hold, request: ServedRequest, response: ServedResponse): void {
    this.open.add(hold, request, response)
    this.pipelining.watch(request, response)
  }

  /** Answers a request for an upgrade as if there were no `upgrade` listeners. False if Node's parser is not found. */
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
    // Other code may have put its own `emit` over this one, which still calls this one, or may have removed both.
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
    // Other code has put its own `emit` over this one. So this one stays, and passes every event on.
    if (server.emit !== this.#emit) return
    restore(server, "emit", this.#emitBefore)
    if (server.headersTimeout === HEAD_MS) server.headersTimeout = NODE_HEAD_MS
    if (server.shouldUpgradeCallback === this.#shouldUpgrade) restore(server, "shouldUpgradeCallback", this.#askBefore)
  }

  /** Adds an `upgrade` listener, because Node emits the event only if there is one. */
  #keepHearing(): void {
    if (!this.#server.listeners("upgrade").includes(hearUpgrades)) this.#server.on("upgrade", hearUpgrades)
  }

  /** Whether the application, or a library in it, has an `upgrade` listener. */
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
        this.#keepHearing() // the application may have called `removeAllListeners`
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
    // Read from the prototype for each event, because monitoring tools may replace its `emit`.
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
    // Without the hub there would be no listener, and Node would ignore the header (RFC 9110, section 7.8).
    else if (!this.replay(request, socket, head)) refuseUpgrade(socket, 404, "Not Found")
    return true
  }

  /** HTTP/2: takes the stream itself, because Node makes a request of it only if there are `request` listeners. */
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
    // Node's own callback counts the `upgrade` listeners. That of the hub must not count as one of the application.
    const server = this.#server
    const listenerCount = (event: string): number =>
      server.listeners(event).filter((listener) => listener !== hearUpgrades).length
    return before.call(Object.create(server as object, { listenerCount: { value: listenerCount } }), request)
  }
}

/** An `upgrade` listener that does nothing: `#emit` has handled the event before. */
function hearUpgrades(): void {}

function restore(server: NodeServer, name: string, before: PropertyDescriptor | undefined): void {
  if (before === undefined) Reflect.deleteProperty(server, name)
  else Object.defineProperty(server, name, before)
}
