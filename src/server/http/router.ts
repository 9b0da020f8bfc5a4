import { callSafely } from "../../session/call-safely.ts"
import { respond } from "../../transports/http/server/answer.ts"
import type { HttpExchange, OpenAcceptor } from "../../transports/transport.ts"
import { type Closing, closing, EverwireError } from "../../wire/errors.ts"
import { checkOrigin, corsHeaders, type OriginPolicy, refusalHeaders } from "../admission/origin-check.ts"
import type { Refusal } from "../admission/refusals.ts"
import { askedOf, type Trust } from "../admission/trust-proxy.ts"

/** HTTP status of a refusal, by the code of its closing. */
const STATUS: Partial<Record<string, number>> = {
  "too-large": 413,
  timeout: 408,
  "protocol-error": 400,
  "link-unknown": 404,
  refused: 405,
  "over-capacity": 503,
  "rate-limited": 429,
}

const MISSED_UPGRADE =
  "a WebSocket came to the hub as a request, and upgrades do not go through middleware: on Node, write " +
  'server.on("upgrade", hub.handleUpgrade), or hub.attach(server) for a hub that is not behind a prefix'

/** What the router needs from its hub. */
export interface Routes {
  readonly hub: string
  readonly policy: OriginPolicy
  readonly trust: Trust | undefined
  readonly acceptors: ReadonlyMap<string, OpenAcceptor>
  refused(refusal: Refusal): void
  /** Counts a request. Returns the refusal if its address has made too many. */
  exchanged(address: string | undefined): Closing | undefined
  /** The `misuse` messages that were reported already. Each is reported once, not for every request. */
  readonly told: Set<string>
  report(error: unknown): void
}

/**
 * Returns the `path` option as it stands in a client's URL: characters that a path may not contain are percent-encoded
 * (URL standard). Undefined for a path that no request can have: one with a query, or with `.` or `..` between slashes,
 * which clients resolve before they send it.
 */
export function readPath(path: string): string | undefined {
  if (!/^\/[^/?#\\][^?#\\]*$/.test(path)) return undefined
  const { pathname } = new URL(path, "http://hub")
  return pathname.endsWith("/") || pathname.split("/").length !== path.split("/").length ? undefined : pathname
}

/** Returns one form for all spellings of a path: `%C3%A9` and `%c3%a9`, `%7E` and `~`. A `%2F` stays as it is. */
export function decoded(path: string): string {
  if (!path.includes("%")) return path
  try {
    return decodeURI(path)
  } catch {
    return path
  }
}

/**
 * Returns the name of the transport in a path, which is `<hub path>/<transport>`. A framework that mounts the hub may
 * leave a prefix before the hub's path, or remove the path. If it removed the path, only the names of offered
 * transports belong to the hub, because all pages at the root look the same: `/<name>`.
 */
export function routeOf(
  pathname: string,
  path: string,
  mounted: boolean,
  acceptors: ReadonlyMap<string, unknown>,
): string | undefined {
  const slash = pathname.lastIndexOf("/")
  const base = decoded(pathname.slice(0, slash))
  const own = decoded(path)
  const name = pathname.slice(slash + 1)
  if (name === "" || slash < 0) return undefined
  const stripped = base === "" && acceptors.has(name)
  return base === own || (mounted && (stripped || base.endsWith(own))) ? name : undefined
}

/**
 * Answers an exchange on a transport's path. Every branch answers, because an exchange without an answer would keep its
 * socket open. If `why` is given, the exchange is refused with it: its server lets no more requests in.
 */
export function answerExchange(exchange: HttpExchange, name: string, routes: Routes, why?: Closing): void {
  const { policy, trust } = routes
  const refusal = checkOrigin(exchange, policy, trust)
  if (refusal !== undefined) {
    const headers = exchange.method === "OPTIONS" ? {} : refusalHeaders(exchange)
    return refuse(answering(exchange, askedOf(exchange, trust).address, headers), routes, 403, refusal)
  }
  const cors = corsHeaders(exchange, policy)
  const isDirect = cors === undefined && trust === undefined
  const answered = isDirect ? exchange : answering(exchange, askedOf(exchange, trust).address, cors ?? {})
  if (exchange.method === "OPTIONS") {
    return answered.respond(204, {
      "access-control-allow-methods": "POST, GET",
      "access-control-allow-headers": "content-type",
      "access-control-max-age": "7200",
    })
  }
  if (why !== undefined) return refuse(answered, routes, why.code === "rate-limited" ? 429 : 503, why)
  answerForwarded(answered, name, routes)
}

/**
 * Answers an exchange whose Origin was checked. It comes from another process of the cluster, or has reached this one: both
 * count it for its address, because a client may send each of its requests to another process.
 */
export function answerForwarded(answered: HttpExchange, name: string, routes: Routes): void {
  const tooMany = routes.exchanged(answered.address)
  if (tooMany !== undefined) return refuse(answered, routes, 429, tooMany)
  const acceptor = routes.acceptors.get(name)
  if (acceptor === undefined) {
    return refuse(answered, routes, 404, closing("refused", "this transport is not offered here"))
  }
  if (acceptor.exchange === undefined) return wantUpgrade(answered, routes)
  const failed = (error: unknown): void => {
    try {
      const { status, why } = failureOf(error)
      // A bug in the hub or in the application's acceptor. The hub's owner gets the error, the client only a code.
      if (status === 500) routes.report(error)
      // The application mounted the hub in a way that cannot work.
      else if (why.code === "misuse") tellOnce(routes, why.reason)
      // A body that breaks off is a fault of the network and no refusal, so `onRefused` is not called.
      if (status === 500 || why.code === "network") respond(answered, status, { hub: routes.hub, close: why })
      else refuse(answered, routes, status, why)
    } catch (second) {
      routes.report(second)
    }
  }
  const left = (answer: unknown): void => {
    if (answer === false) wantUpgrade(answered, routes)
  }
  callSafely(() => acceptor.exchange?.(answered), failed, acceptor.socket && left)
}

/** Refuses a request to a transport that needs an upgrade. If it was an upgrade, the application lost it on the way. */
function wantUpgrade(exchange: HttpExchange, routes: Routes): void {
  if (/\bwebsocket\b/i.test(exchange.header("upgrade") ?? "")) tellOnce(routes, MISSED_UPGRADE)
  refuse(exchange, routes, 426, closing("refused", "this transport is reached by an upgrade, not by a request"))
}

/** Reports a `misuse` message, unless it was reported before. */
export function tellOnce({ told, report }: Routes, message: string): void {
  if (told.has(message)) return
  told.add(message)
  report(new EverwireError("misuse", message))
}

/** Answers with a refusal and reports it to the hub's owner. The exchange must have the client's address. */
function refuse(exchange: HttpExchange, { hub, refused }: Routes, status: number, why: Closing): void {
  const { code, reason } = why
  const { address, path } = exchange
  const transport = path.slice(path.lastIndexOf("/") + 1)
  respond(exchange, status, { hub, close: why })
  refused({ code, reason, stage: "request", transport, address, origin: exchange.header("origin") })
}

/** Status and closing for an error of an acceptor. The client gets the message of an EverwireError, but of no other. */
function failureOf(error: unknown): { status: number; why: Closing } {
  if (!(error instanceof EverwireError)) return { status: 500, why: closing("refused", "the hub failed") }
  return { status: STATUS[error.code] ?? 400, why: closing(error.code, error.message) }
}

/** The exchange with the client's address as the proxy tells it, and with `extra` headers in its answer. */
function answering(
  exchange: HttpExchange,
  address: string | undefined,
  extra: Readonly<Record<string, string>>,
): HttpExchange {
  return {
    method: exchange.method,
    path: exchange.path,
    address,
    request: exchange.request,
    query: (name) => exchange.query(name),
    header: exchange.header,
    body: (maxBytes, more) => exchange.body(maxBytes, more),
    respond: (status, headers, body) => exchange.respond(status, Object.assign({}, headers, extra), body),
    stream: (status, headers) => exchange.stream(status, Object.assign({}, headers, extra)),
    get unsentBytes() {
      return exchange.unsentBytes
    },
    cut: () => exchange.cut?.(),
    onAbort: (run) => exchange.onAbort(run),
    onLeaving: (link) => exchange.onLeaving?.(link),
  }
}
