import { type Closing, closing, type EverwireError } from "../../kernel/errors.ts"
import type { Batch, Target } from "../transport.ts"
import {
  BYTES_TYPE,
  decodeBody,
  ENVELOPE_HEADER,
  type Envelope,
  encodeBody,
  TEXT_TYPE,
  writeEnvelope,
} from "./envelope.ts"

/** An answer, or why there is none. */
export type Answer =
  | { readonly envelope: Envelope; readonly batch: Batch | undefined }
  | { readonly failed: Closing; readonly status: number; readonly hub?: string | undefined }

/**
 * One POST and its answer. Never rejects. `signal` abandons it; after `deadlineMs` it counts as failed. `bare`: without a
 * body, the envelope in a header.
 */
export async function exchange(
  target: Target,
  url: string,
  envelope: Envelope,
  batches: readonly Batch[],
  bare: boolean,
  deadlineMs: number,
  signal: AbortSignal,
): Promise<Answer> {
  const body = bare ? null : encodeBody(envelope, batches)
  const abort = new AbortController()
  const stop = (): void => abort.abort()
  signal.addEventListener("abort", stop)
  const cancel = target.runtime.after(deadlineMs, stop)
  try {
    const fetch = target.platform.fetch ?? globalThis.fetch
    const answer = await fetch(url, {
      method: "POST",
      // Text goes to another origin without a preflight: text/plain is safelisted (Fetch standard, 2.2.2). Bytes do not.
      headers:
        body === null
          ? { [ENVELOPE_HEADER]: writeEnvelope(envelope) }
          : { "content-type": typeof body === "string" ? TEXT_TYPE : BYTES_TYPE },
      body,
      credentials: target.withCredentials ? "include" : "same-origin",
      redirect: "error",
      cache: "no-store",
      signal: abort.signal,
    })
    const type = answer.headers.get("content-type") ?? ""
    const bytes = new Uint8Array(await answer.arrayBuffer())
    const retryAfterMs = waitOf(answer.headers.get("retry-after") ?? "", target.runtime.now())
    return read(answer.status, type, bytes, retryAfterMs, envelope)
  } catch (error) {
    return { failed: closing("network", abort.signal.aborted ? "no answer in time" : String(error)), status: 0 }
  } finally {
    cancel()
    signal.removeEventListener("abort", stop)
  }
}

function read(status: number, type: string, bytes: Uint8Array, retryAfterMs: number, asked: Envelope): Answer {
  if (type.startsWith("text/html")) {
    return { failed: closing("captive-portal", "a web page came instead of an answer"), status }
  }
  let answer: { envelope: Envelope; batch: Batch | undefined } | undefined
  try {
    answer = decodeBody(bytes, type)
  } catch (error) {
    if (status === 200) return { failed: closing("refused", (error as EverwireError).message), status }
  }
  if (status === 200 && answer !== undefined) {
    // A cached or collapsed answer names another link or another turn: it is no answer to this request.
    const { link, up, poll } = answer.envelope
    const stale = (asked.link !== undefined && link !== asked.link) || up !== asked.up || poll !== asked.poll
    return stale ? { failed: closing("refused", "an answer to another request"), status } : answer
  }
  const why = answer?.envelope.close ?? closing(codeOf(status), `answered with status ${status}`)
  const failed = retryAfterMs > 0 ? { ...why, retryAfterMs } : why
  return { failed, status, hub: answer?.envelope.hub }
}

/** A `Retry-After` in milliseconds: seconds or a date (RFC 9110, 10.2.3). `NaN` for anything else. */
function waitOf(retryAfter: string, now: number): number {
  return /^\d+$/.test(retryAfter) ? Number(retryAfter) * 1_000 : Date.parse(retryAfter) - now
}

function codeOf(status: number): Closing["code"] {
  if (status === 429 || status === 503) return "rate-limited"
  return status === 413 ? "too-large" : "refused"
}
