import { type Closing, closing, EverwireError } from "../kernel/errors.ts"
import { respond } from "../transports/http/answer.ts"
import type { HttpExchange, OpenAcceptor } from "../transports/transport.ts"
import { checkOrigin, corsHeaders, type OriginPolicy } from "./origin-check.ts"

/** Status of an answer that refuses, by the code of its closing. */
const STATUS: Partial<Record<string, number>> = { "too-large": 413, timeout: 408, "protocol-error": 400 }

/** What the router knows of its hub. */
export interface Routes {
  readonly hub: string
  readonly policy: OriginPolicy
  readonly acceptors: ReadonlyMap<string, OpenAcceptor>
  report(error: unknown): void
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
  const base = pathname.slice(0, slash)
  const name = pathname.slice(slash + 1)
  if (name === "" || slash < 0) return undefined
  const stripped = base === "" && acceptors.has(name)
  return base === path || (mounted && (stripped || base.endsWith(path))) ? name : undefined
}

/** Answers one exchange on a transport's path. Every exit answers: an exchange left open would hold its socket. */
export function answerExchange(exchange: HttpExchange, name: string, routes: Routes): void {
  const { policy, hub } = routes
  const refusal = checkOrigin(exchange, policy)
  if (refusal !== undefined) return respond(exchange, 403, { hub, close: refusal })
  const cors = corsHeaders(exchange, policy)
  const answered = cors === undefined ? exchange : withHeaders(exchange, cors)
  if (exchange.method === "OPTIONS") {
    return answered.respond(204, {
      "access-control-allow-methods": "POST, GET",
      "access-control-allow-headers": "content-type",
      "access-control-max-age": "7200",
    })
  }
  const acceptor = routes.acceptors.get(name)
  if (acceptor?.exchange === undefined) {
    const upgrade = acceptor === undefined ? "not offered here" : "reached by an upgrade, not by a request"
    const status = acceptor === undefined ? 404 : 426
    return respond(answered, status, { hub, close: closing("refused", `this transport is ${upgrade}`) })
  }
  const failed = (error: unknown): void => {
    try {
      const { status, why } = failureOf(error)
      // A bug here or in a user's acceptor: told to the hub's owner in full, to the client by its code alone.
      if (status === 500) routes.report(error)
      respond(answered, status, { hub, close: why })
    } catch (second) {
      routes.report(second)
    }
  }
  try {
    acceptor.exchange(answered)?.catch(failed)
  } catch (error) {
    failed(error)
  }
}

/** What an acceptor's failure is answered with: an EverwireError speaks for itself. */
function failureOf(error: unknown): { status: number; why: Closing } {
  if (!(error instanceof EverwireError)) return { status: 500, why: closing("refused", "the hub failed") }
  return { status: STATUS[error.code] ?? 400, why: closing(error.code, error.message) }
}

function withHeaders(exchange: HttpExchange, extra: Record<string, string>): HttpExchange {
  return {
    method: exchange.method,
    path: exchange.path,
    address: exchange.address,
    query: (name) => exchange.query(name),
    header: exchange.header,
    body: (maxBytes) => exchange.body(maxBytes),
    respond: (status, headers, body) => exchange.respond(status, Object.assign({}, headers, extra), body),
    stream: (status, headers) => exchange.stream(status, Object.assign({}, headers, extra)),
    onAbort: (run) => exchange.onAbort(run),
  }
}
