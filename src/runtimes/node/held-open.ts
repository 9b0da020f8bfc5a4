import type { Http2Session } from "node:http2"
import { type Hold, SessionHold } from "./hold.ts"
import type { ServedRequest, ServedResponse } from "./served.ts"
import { type NodeServer, own } from "./server.ts"

/** How often a closing server closes what it still waits for, in milliseconds. */
const LEAVE_MS = 500

/**
 * Everything that hubs hold open on one server. A server that is closed waits for its connections, so it would wait
 * until the hubs' peers leave. This class replaces the server's `close`, and tells the holds when it is called.
 */
export class HeldOpen {
  /** All current holds. */
  readonly holds = new Set<Hold>()
  readonly #server: NodeServer
  /** The HTTP/2 sessions among the holds. */
  readonly #sessions = new WeakSet<Http2Session>()
  /** Whether `close` was ever called. The server may listen again since. */
  #closed = false
  /** Timer of the next sweep; undefined while the server is not closing. */
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

  /** Whether the server accepts no new connections and waits for the open ones. */
  get isClosing(): boolean {
    return this.#closed && !this.#server.listening
  }

  /** Holds an exchange until its answer is complete or its connection is gone. */
  add(hold: Hold, { stream }: ServedRequest, response: ServedResponse): void {
    this.holds.add(hold)
    response.on("close", () => this.holds.delete(hold))
    if (this.isClosing) this.#sweepLater()
    const { session } = stream ?? {} // only HTTP/2 requests have one
    if (session === undefined || this.#sessions.has(session)) return
    this.#sessions.add(session)
    const held = new SessionHold(session)
    this.holds.add(held)
    session.once("close", () => this.holds.delete(held))
    if (this.isClosing) held.leave()
  }

  /** The server is closing, and ends when its last connection has ended: tells all holds. */
  #leave(): void {
    this.#closed = true
    for (const hold of [...this.holds]) hold.leave()
    this.#sweepLater()
  }

  /**
   * Node closes only the connections that are idle when `close` is called. At that moment a channel's request may be on
   * its way to a hub that is closed: the application answers it, and the channel would dial again on that connection.
   */
  #sweepLater(): void {
    // A plain timer, because a server has no runtime. It need not keep the process alive: open connections do.
    this.#sweep ??= setTimeout(() => {
      this.#sweep = undefined
      if (!this.isClosing) return
      for (const hold of [...this.holds]) hold.cut()
      this.#server.closeIdleConnections?.()
      this.#server.getConnections((_, count) => count > 0 && this.#sweepLater())
    }, LEAVE_MS).unref()
  }
}
