import type { HttpExchange } from "../transport.ts"
import { BYTES_TYPE, type Envelope, TEXT_TYPE, writeEnvelope } from "./envelope.ts"

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
  const headers: Record<string, string> = {
    ...NO_STORE,
    "content-type": typeof body === "string" ? TEXT_TYPE : BYTES_TYPE,
  }
  if (envelope.close !== undefined) {
    const { retryAfterMs } = envelope.close
    // Where a balancer goes by connection, another connection is the only way to another hub.
    headers["connection"] = "close"
    if (retryAfterMs !== undefined) headers["retry-after"] = String(Math.ceil(retryAfterMs / 1000))
  }
  exchange.respond(status, headers, body)
}
