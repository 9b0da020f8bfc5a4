import type { IncomingMessage, RequestListener, Server, ServerResponse } from "node:http"
import type { Duplex } from "node:stream"
import { ignore } from "./socket.ts"

/** What a hub does with a server's events. Each answers whether the path was the hub's. */
export interface FrontHub {
  request(request: IncomingMessage, response: ServerResponse): boolean
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): boolean
}

/** One front per server, so that several hubs can come and go in any order. */
const fronts = new WeakMap<Server, Front>()

/**
 * Puts a hub in front of whatever the server does already: the hub's paths never reach the `request` listeners that are
 * there now. Returns what undoes it.
 */
export function mountFront(server: Server, hub: FrontHub): () => void {
  const front = fronts.get(server) ?? new Front(server)
  fronts.set(server, front)
  front.hubs.add(hub)
  return () => {
    if (!front.hubs.delete(hub) || front.hubs.size > 0) return
    fronts.delete(server)
    front.remove()
  }
}

class Front {
  readonly hubs = new Set<FrontHub>()
  readonly #server: Server
  /** What listened to requests before. */
  readonly #listeners: readonly RequestListener[]

  constructor(server: Server) {
    this.#server = server
    this.#listeners = server.listeners("request") as RequestListener[] // the event's listeners have this type
    server.removeAllListeners("request")
    server.on("request", this.#onRequest)
    server.on("upgrade", this.#onUpgrade)
  }

  remove(): void {
    this.#server.off("request", this.#onRequest)
    this.#server.off("upgrade", this.#onUpgrade)
    for (const listener of this.#listeners) this.#server.on("request", listener)
  }

  readonly #onRequest = (request: IncomingMessage, response: ServerResponse): void => {
    for (const hub of this.hubs) if (hub.request(request, response)) return
    for (const listener of this.#listeners) listener.call(this.#server, request, response)
    if (this.#listeners.length === 0) response.writeHead(404).end()
  }

  /** An upgrade that nobody claims is answered, instead of being left open for ever. */
  readonly #onUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    for (const hub of this.hubs) if (hub.upgrade(request, socket, head)) return
    if (this.#server.listenerCount("upgrade") === 1) refuseUpgrade(socket, 404, "Not Found")
  }
}

/** A constant answer: nothing of the request is repeated in it. */
export function refuseUpgrade(socket: Duplex, status: number, reason: string): void {
  socket.on("error", ignore) // the client may be gone already
  // An upgraded socket may stay half-open: it is let go without waiting for the client's end.
  socket.once("finish", () => socket.destroy())
  socket.end(`HTTP/1.1 ${status} ${reason}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
}
