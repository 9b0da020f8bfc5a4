import { type Closing, protocolError } from "../../../wire/errors.ts"
import type { Batch, Door, HttpExchange } from "../../transport.ts"
import { BYTES_TYPE, type Envelope, TEXT_TYPE, writeEnvelope } from "../envelope.ts"

/**
 * Headers of every answer: no cache may store it, no proxy may transform it, and no browser may guess its type.
 */
export const NO_STORE = {
  "cache-control": "no-store, no-transform",
  "x-content-type-options": "nosniff",
} as const

/** Answers with `body`, which begins with the envelope. Default: the envelope alone. */
export function respond(
  exchange: HttpExchange,
  status: number,
  envelope: Envelope,
  body: string | Uint8Array = writeEnvelope(envelope),
): void {
  const headers = typeof body === "string" ? TEXT_HEADERS : BYTES_HEADERS
  exchange.respond(
    status,
    envelope.close === undefined ? headers : { ...headers, ...lastHeaders(envelope.close) },
    body,
  )
}

/**
 * Answers a bye that came without a link. If its session is at another hub, the answer is 404, and the client's next
 * try may reach that hub.
 *
 * @throws EverwireError `protocol-error`
 */
export function answerLeave(exchange: HttpExchange, batch: Batch | undefined, door: Door): void {
  if (typeof batch !== "string") throw protocolError("a request without a link and without a hello or a bye")
  const refusal = door.leave?.(batch)
  const status = refusal === undefined ? 200 : refusal.code === "session-unknown" ? 404 : 403
  respond(exchange, status, { hub: door.hub, close: refusal })
}

const TEXT_HEADERS = { ...NO_STORE, "content-type": TEXT_TYPE }
const BYTES_HEADERS = { ...NO_STORE, "content-type": BYTES_TYPE }

function lastHeaders({ retryAfterMs }: Closing): Record<string, string> {
  return {
    // If a load balancer routes by connection, the client can reach another hub only on a new connection.
    connection: "close",
    ...(retryAfterMs !== undefined && { "retry-after": String(Math.ceil(retryAfterMs / 1000)) }),
  }
}
