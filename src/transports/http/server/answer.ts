import { type Closing, protocolError } from "../../../wire/errors.ts"
import type { Batch, Door, HttpExchange } from "../../transport.ts"
import { BYTES_TYPE, type Envelope, TEXT_TYPE, writeEnvelope } from "../envelope.ts"

/**
 * What every answer says about itself: it is nobody's to store, to transform or to guess the type of.
 */
export const NO_STORE = {
  "cache-control": "no-store, no-transform",
  "x-content-type-options": "nosniff",
} as const

/** Answers with an envelope, or with a body that begins with one. */
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
 * Answers a bye that came beside the links. Where it is another hub's, the next try may reach that one.
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
    // Where a balancer goes by connection, another connection is the only way to another hub.
    connection: "close",
    ...(retryAfterMs !== undefined && { "retry-after": String(Math.ceil(retryAfterMs / 1000)) }),
  }
}
