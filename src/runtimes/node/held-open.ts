import type { Http2Session } from "node:http2"
import { type Hold, SessionHold } from "./hold.ts"
import type { ServedRequest, ServedResponse } from "./served.ts"
import { type NodeServer, own } from "./server.ts"

/** How often a server that is closing lets go of what it still waits for, in milliseconds. */
const LEAVE_MS = 500

/**
 * What hubs hold open on one server. A server that is closed waits for its connections, so it would wait for the hubs' peers
 * to leave: these are told when the server's `close` is called, whose place is taken here.
 */
export class HeldOpen {
  /** All of it, now. */
  readonly holds = new Set<Hold>()
  readonly #server: NodeServer
  /** Sessions of HTTP/2 that are among it. */
  readonly #sessions = new WeakSet<Http2Session>()
  /** Whether `close` was called, for the last time or an earlier one. */
  #closed = false
  /** When it next lets go of what a closing server waits for; undefined while the server is not closing. */
  #sweep: NodeJS.Timeout | undefined

  constructor(server: NodeServer) {
    this.#server = server
    const before = Object.getOwnPropertyDescriptor(server, "close")
    const leave = (): void => this.#leave()
    own(server, "close", function (this: unknown, ...args: unknown[]): unknown {
      const close = (before?.value ?? Object.getPrototypeOf(server).close) as NodeServer["close"]
      const result: unknown = Reflect.apply(close, this, args)
      leave()
      return result
    })
  }

  /** Whether the server takes no new connections any more, and waits for the ones there are. */
  get isClosing(): boolean {
    return this.#closed && !this.#server.listening
  }

  /** Keeps an exchange in mind until its answer is complete or its connection gone. */
  add(hold: Hold, { stream }: ServedRequest, response: ServedResponse): void {
    this.holds.add(hold)
    response.on("close", () => this.holds.delete(hold))
    if (this.isClosing) this.#sweepLater()
    const { session } = stream ?? {} // only a request of HTTP/2 has one
    if (session === undefined || this.#sessions.has(session)) return
    this.#sessions.add(session)
    const held = new SessionHold(session)
    this.holds.add(held)
    session.once("close", () => this.holds.delete(held))
    if (this.isClosing) held.leave()
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
