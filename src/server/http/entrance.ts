import { callSafely } from "../../session/call-safely.ts"
import type { Clockwork } from "../../session/clockwork.ts"
import type { HttpExchange, LinkOrigin, OpenAcceptor, ServerSocket } from "../../transports/transport.ts"
import { type Closing, closing } from "../../wire/errors.ts"
import { checkOrigin } from "../admission/origin-check.ts"
import type { Sites } from "../admission/sites.ts"
import { type Arrival, askedOf, readTrust, type Trust } from "../admission/trust-proxy.ts"
import { rateLimited, spent, waitMs } from "../limits/allowance.ts"
import type { Reports } from "../reports.ts"
import type { HubSettings } from "../settings.ts"
import { answerExchange, answerForwarded, type Routes, routeOf, tellOnce } from "./router.ts"
import { createWebExchange } from "./web-exchange.ts"

/**
 * What the hub decides about an upgrade: a refusal with its HTTP status, or a function that takes the socket once it is
 * open. The server refuses messages of more than `maxBatchBytes` bytes.
 */
export type UpgradeVerdict =
  | { refusal: Closing; status: number }
  | { take(socket: ServerSocket, origin: LinkOrigin): void; maxBatchBytes: number }

/** What an entrance needs from its hub. */
export interface EntranceHost {
  readonly hub: string
  readonly settings: HubSettings
  readonly clockwork: Clockwork
  readonly sites: Sites
  readonly reports: Reports
  readonly acceptors: ReadonlyMap<string, OpenAcceptor>
  /** Set when the hub is closing: the closing that every hello is answered with. */
  closing(): Closing | undefined
  /** Number of sessions that have not ended. */
  sessions(): number
}

/** Where HTTP requests and upgrades enter the hub, on every runtime. */
export class Entrance {
  readonly #host: EntranceHost
  readonly #trust: Trust | undefined
  readonly #routes: Routes
  readonly #whileClosing: (() => () => void)[] = []

  constructor(host: EntranceHost) {
    this.#host = host
    const { hub, reports, acceptors, settings } = host
    this.#trust = readTrust(settings.trustProxy ?? false, reports.hubFailed)
    this.#routes = {
      hub,
      policy: settings.policy,
      trust: this.#trust,
      refused: (refusal) => reports.refused(refusal),
      acceptors,
      exchanged: (address) => this.#exchanged(address),
      told: new Set(),
      report: reports.hubFailed,
    }
  }

  get settings(): HubSettings {
    return this.#host.settings
  }

  /** Times the deadlines of the exchanges of a runtime's server. */
  get clockwork(): Clockwork {
    return this.#host.clockwork
  }

  /** Whether `close` of the hub was called. */
  get isClosing(): boolean {
    return this.#host.closing() !== undefined
  }

  /** See `Hub.fetch`. */
  async fetch(request: Request, address: unknown): Promise<Response> {
    const from = typeof address === "string" ? address : undefined
    return await (this.answer(request, from, true) ?? new Response(null, { status: 404 }))
  }

  /** Answers a request of the web's, if its path is the hub's. */
  answer(request: Request, address: string | undefined, mounted: boolean): Promise<Response> | undefined {
    if (!this.has(new URL(request.url).pathname, mounted)) return undefined
    const { exchange, response } = createWebExchange(request, address, this.clockwork, this.settings.takeMs)
    this.exchange(exchange, mounted)
    return response
  }

  /** Whether the path is the hub's. `mounted` as in `Hub.exchange`. */
  has(pathname: string, mounted: boolean): boolean {
    return routeOf(pathname, this.settings.path, mounted, this.#host.acceptors) !== undefined
  }

  /** See `Hub.exchange`. */
  exchange(exchange: HttpExchange, mounted: boolean, why?: Closing): boolean {
    const name = routeOf(exchange.path, this.settings.path, mounted, this.#host.acceptors)
    if (name === undefined) return false
    answerExchange(exchange, name, this.#routes, why)
    return true
  }

  /** Answers an exchange that another process of the cluster has passed on. */
  forwarded(exchange: HttpExchange): void {
    answerForwarded(exchange, exchange.path.slice(exchange.path.lastIndexOf("/") + 1), this.#routes)
  }

  /** See `Hub.upgrade`. */
  upgrade(pathname: string, request: Arrival, mounted: boolean): UpgradeVerdict | undefined {
    const { acceptors, reports, settings } = this.#host
    const name = routeOf(pathname, settings.path, mounted, acceptors)
    if (name === undefined) return undefined
    const asked = askedOf(request, this.#trust)
    const refuse = (refusal: Closing, status: number): UpgradeVerdict => {
      const { code, reason } = refusal
      const origin = request.header("origin")
      reports.refused({ code, reason, stage: "upgrade", transport: name, address: asked.address, origin })
      return { refusal, status }
    }
    // While sessions are left, the upgrade is accepted: only its hello tells whether it is for one of them.
    const leaving = this.#host.sessions() === 0 ? this.#host.closing() : undefined
    const refusal = checkOrigin(request, settings.policy, this.#trust) ?? leaving
    if (refusal !== undefined) return refuse(refusal, refusal.code === "origin-refused" ? 403 : 503)
    const tooMany = this.#exchanged(asked.address)
    if (tooMany !== undefined) return refuse(tooMany, 429)
    const acceptor = acceptors.get(name)
    if (acceptor?.socket === undefined) return refuse(closing("refused", "no WebSocket here"), 404)
    const take = (socket: ServerSocket, origin: LinkOrigin): void => {
      const failed = (error: unknown): void => {
        reports.hubFailed(error)
        callSafely(() => socket.terminate(), reports.hubFailed)
      }
      // Behind a trusted proxy, the client's address is the one that the proxy tells.
      const asking = this.#trust === undefined ? origin : { ...origin, address: asked.address }
      callSafely(() => acceptor.socket?.(socket, asking), failed)
    }
    return { take, maxBatchBytes: settings.maxBatchBytes }
  }

  /** Reports that the application uses the hub in a way that cannot work. Reports each message once. */
  misused(message: string): void {
    tellOnce(this.#routes, message)
  }

  /** Reports a channel that asked for a WebSocket where no hub is. Over HTTP nothing shows that a channel asks. */
  strayed(pathname: string, request: Arrival): void {
    this.#host.reports.refused({
      code: "refused",
      reason: `a channel asked for ${pathname.replace(/\/websocket$/, "")}, and this hub is at ${this.settings.path}`,
      stage: "path",
      transport: "websocket",
      address: askedOf(request, this.#trust).address,
      origin: request.header("origin"),
    })
  }

  /** Calls `begin` when the hub begins to close, and the function that it returns when the hub has closed. */
  whileClosing(begin: () => () => void): void {
    this.#whileClosing.push(begin)
  }

  /** The hub begins to close. Returns a function to call when it has closed. */
  close(): () => void {
    const ends = this.#whileClosing.map((begin) => begin())
    return () => {
      for (const end of ends) end()
    }
  }

  /** Counts a request or an upgrade. Returns the refusal if its address has made too many. */
  #exchanged(address: string | undefined): Closing | undefined {
    const site = this.#host.sites.at(address)
    if (site === undefined) return undefined
    const { exchange, share } = this.settings.costs
    const now = this.clockwork.now()
    const ms = waitMs(site.exchangesUntil, now)
    if (ms > 0) return rateLimited("too many requests from this address", ms)
    site.exchangesUntil = spent(site.exchangesUntil, exchange / share, now)
    return undefined
  }
}
