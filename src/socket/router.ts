import type { Hub } from "../server/hub.ts"
import type { Peer } from "../server/peer.ts"
import type { Code } from "../wire/errors.ts"
import { HubSocket } from "./hub-socket.ts"
import type { SocketRequest } from "./socket-request.ts"
import { ABNORMAL, GONE, nameOf, type Opening, SOCKET } from "./words.ts"

/** Longest URL, host and list of sub-protocols that is read, in characters. Those of a browser are shorter. */
const MAX_LENGTH = 8_192

/** A server that wants the sockets of a path, or without one all that no other gets. */
export interface Entry {
  readonly path: string | undefined
  choose(offered: readonly string[], request: SocketRequest, sockets: Iterable<HubSocket>): string
  opened(socket: HubSocket, request: SocketRequest): void
}

const routers = new WeakMap<Hub, Router>()

/** The router of a hub: it is made for the hub's first server. */
export function routerOf(hub: Hub): Router {
  const router = routers.get(hub) ?? new Router(hub)
  routers.set(hub, router)
  return router
}

/** Gives each socket that is opened over a hub to the server of its path. */
class Router {
  readonly #servers = new Map<string | undefined, Entry>()
  /** The open sockets of each peer, by their number. */
  readonly #sockets = new WeakMap<Peer, Map<number, HubSocket>>()

  constructor(hub: Hub) {
    hub.handle(SOCKET, (data, peer) => this.#open(data, peer))
    // Sockets are objects of the process that has them, so they do not move along with the session.
    hub.onPeer((peer, { moved }) => void (moved && peer.send(GONE)))
  }

  /** Returns what removes the server. @throws TypeError if there is one for the path already */
  enter(server: Entry): () => void {
    const { path } = server
    if (this.#servers.has(path)) {
      throw new TypeError(`the hub has a WebSocket server for ${path ?? "all other paths"} already`)
    }
    this.#servers.set(path, server)
    return () => void this.#servers.delete(path)
  }

  #open(data: unknown, peer: Peer): void {
    const { id, url, host, protocols } = readOpening(data)
    const server = this.#servers.get(url.replace(/\?.*$/s, "")) ?? this.#servers.get(undefined)
    if (server === undefined) throw refusal("request-unhandled", "no WebSocket server has this path")
    const sockets = this.#socketsOf(peer)
    if (sockets.has(id)) throw refusal("misuse", "a socket has this number already")
    const headers = { host, ...(protocols.length > 0 && { "sec-websocket-protocol": protocols.join(", ") }) }
    const request: SocketRequest = { method: "GET", url, headers, socket: { remoteAddress: peer.address }, peer }
    const name = nameOf(id)
    const protocol = server.choose(protocols, request, sockets.values())
    const socket = new HubSocket(peer, name, protocol)
    sockets.set(id, socket)
    const off = peer.on(name, (heard) => socket.hear(heard))
    socket.once("close", () => {
      off()
      sockets.delete(id)
    })
    peer.send(name, { open: protocol })
    try {
      server.opened(socket, request)
    } catch (error) {
      socket.terminate()
      throw error
    }
  }

  #socketsOf(peer: Peer): Map<number, HubSocket> {
    const known = this.#sockets.get(peer)
    if (known) return known
    const sockets = new Map<number, HubSocket>()
    this.#sockets.set(peer, sockets)
    peer.onClose(() => {
      for (const socket of sockets.values()) socket.end(ABNORMAL)
    })
    return sockets
  }
}

/** Reads what a client sent. @throws RequestFailure `payload-invalid` */
function readOpening(data: unknown): Opening {
  const { id, url, host, protocols } = Object(data) as { [Field in keyof Opening]?: unknown }
  const isText = (value: unknown): value is string => typeof value === "string" && value.length <= MAX_LENGTH
  const offered = Array.isArray(protocols) ? (protocols as unknown[]) : [undefined]
  if (Number.isSafeInteger(id) && isText(url) && url.startsWith("/") && isText(host) && offered.every(isText)) {
    if (isText(offered.join(", "))) return { id: id as number, url, host, protocols: offered } // a safe integer is one
  }
  throw refusal("payload-invalid", "this opens no WebSocket")
}

/**
 * What the client is told. It is no fault of the application, so the hub's `onError` does not hear of it. The name alone makes
 * it a `RequestFailure`, whose class would bring a part of everwire's code along.
 */
export function refusal(code: Code, message: string): Error {
  return Object.assign(new Error(message), { name: "RequestFailure", code })
}
