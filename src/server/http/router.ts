import { callSafely } from "../../session/call-safely.ts"
import { respond } from "../../transports/http/server/answer.ts"
import type { HttpExchange, OpenAcceptor } from "../../transports/transport.ts"
import { type Closing, closing, EverwireError } from "../../wire/errors.ts"
import { checkOrigin, corsHeaders, type OriginPolicy, refusalHeaders } from "../admission/origin-check.ts"
import type { Refusal } from "../admission/refusals.ts"
import { askedOf, type Trust } from "../admission/trust-proxy.ts"

/** Status of an answer that refuses, by the code of its closing. */
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

/** What the router knows of its hub. */
export interface Routes {
  readonly hub: string
  readonly policy: OriginPolicy
  readonly trust: Trust | undefined
  readonly acceptors: ReadonlyMap<string, OpenAcceptor>
  refused(refusal: Refusal): void
  /** Counts a request. Returns why it is refused, if its address has made too many. */
  exchanged(address: string | undefined): Closing | undefined
  /** What `misuse` has been reported: once for all of its requests. */
  readonly told: Set<string>
  report(error: unknown): void
}

/**
 * The `path` option as a client's URL has it: what may not stand in a path is percent-encoded (URL standard). Undefined for
 * what no request can ask for: dots between slashes are resolved before it is sent, a query is no part of a path.
 */
export function readPath(path: string): string | undefined {
  if (!/^\/[^/?#\\][^?#\\]*$/.test(path)) return undefined
  const { pathname } = new URL(path, "http://hub")
  return pathname.endsWith("/") || pathname.split("/").length !== path.split("/").length ? undefined : pathname
}

/** One form for the ways in which a path can be written: `%C3%A9`, `%c3%a9`, `%7E` and `~`. A `%2F` stays no slash. */
export function decoded(path: string): string {
  if (!path.includes("%")) return path
  try {
    return decodeURI(path)
  } catch {
    return path
  }
}

/**
 * The transport that a path names: `<hub path>/<transport>`. Where the hub is mounted by a framework, a prefix may stand
 * in front of the hub's path or the path itself may have been stripped; then only what is offered is the hub's, because
 * every page at the root looks the same.
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
 * Answers one exchange on a transport's path. Every exit answers: an exchange left open would hold its socket. With `why`
 * nobody is let in any more on the way that the exchange came.
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
      // A bug here or in a user's acceptor: told to the hub's owner in full, to the client by its code alone.
      if (status === 500) routes.report(error)
      // The hub was mounted in a way that cannot work.
      else if (why.code === "misuse") tellOnce(routes, why.reason)
      // A body that broke off is the network's doing.
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

/** Refuses a request to what takes upgrades. A WebSocket that comes as one was lost on its way through the application. */
function wantUpgrade(exchange: HttpExchange, routes: Routes): void {
  if (/\bwebsocket\b/i.test(exchange.header("upgrade") ?? "")) tellOnce(routes, MISSED_UPGRADE)
  refuse(exchange, routes, 426, closing("refused", "this transport is reached by an upgrade, not by a request"))
}

/** Reports a `misuse`, unless it was reported before. */
export function tellOnce({ told, report }: Routes, message: string): void {
  if (told.has(message)) return
  told.add(message)
  report(new EverwireError("misuse", message))
}

/** Answers with a refusal, and tells the hub's owner of it. The exchange has the client's address. */
function refuse(exchange: HttpExchange, { hub, refused }: Routes, status: number, why: Closing): void {
  const { code, reason } = why
  const { address, path } = exchange
  const transport = path.slice(path.lastIndexOf("/") + 1)
  respond(exchange, status, { hub, close: why })
  refused({ code, reason, stage: "request", transport, address, origin: exchange.header("origin") })
}

/** What an acceptor's failure is answered with: an EverwireError speaks for itself. */
function failureOf(error: unknown): { status: number; why: Closing } {
  if (!(error instanceof EverwireError)) return { status: 500, why: closing("refused", "the hub failed") }
  return { status: STATUS[error.code] ?? 400, why: closing(error.code, error.message) }
}

/** The exchange with the client's address as a proxy tells it, and more headers in its answer. */
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
