import { deadline } from "../../../session/deadline.ts"
import { encodeBatch, type Packet } from "../../../wire/batch.ts"
import { EXCHANGE_DEADLINE_MS } from "../../../wire/defaults.ts"
import { type Closing, closing, wordsOf } from "../../../wire/errors.ts"
import type { Batch, FetchAnswer, FetchInit, Target } from "../../transport.ts"
import { BYTES_TYPE, decodeBody, ENVELOPE_HEADER, type Envelope, TEXT_TYPE, writeEnvelope } from "../envelope.ts"
import { refusal } from "../refusal.ts"
import { post } from "./post.ts"

/**
 * Largest body that is sent with `keepalive`, in bytes. Browsers refuse more than 64 KiB for all such requests of a
 * page together (Fetch standard, 5.6), and other requests may run at the same time.
 */
const KEEPALIVE_BYTES = 16_384

/** The answer to an exchange, or why there is none. */
export type Answer =
  | { readonly envelope: Envelope; readonly batch: Batch | undefined }
  /** `status` is 0 if no answer began. */
  | { readonly failed: Closing; readonly status: number; readonly hub?: string | undefined }

/** An exchange that has not ended. */
export interface Running {
  /** Aborts the exchange. */
  stop(): void
  /** Bytes came on this link, so the exchange gets more time. */
  moved(): void
}

/**
 * Sends one POST and reads its answer. Never rejects. `running` contains the exchange until it has ended. The exchange
 * fails if its answer has not begun after `deadlineMs` and no bytes have come on the link for `EXCHANGE_DEADLINE_MS`:
 * on a slow network the answer may wait behind another answer. `moved` is called for each piece of the answer. Without
 * `packets` the request has no body, and the envelope is in a header.
 */
export async function exchange(
  target: Target,
  url: string,
  envelope: Envelope,
  packets: readonly Packet[] | undefined,
  deadlineMs: number,
  running: Set<Running>,
  moved?: () => void,
): Promise<Answer> {
  const line = writeEnvelope(envelope)
  const body = packets ? (encodeBatch([line, ...packets]) as FetchInit["body"]) : null // never shared memory
  const abort = new AbortController()
  let cancel = (): void => {}
  let until = 0
  const { runtime } = target
  const arm = (ms: number): void => {
    until = runtime.now() + ms
    cancel()
    cancel = deadline(runtime, ms, self.stop)
  }
  const self: Running = {
    stop: () => abort.abort(),
    moved: () => arm(Math.max(until - runtime.now(), EXCHANGE_DEADLINE_MS)),
  }
  running.add(self)
  let status = 0
  try {
    arm(deadlineMs)
    const answer = await post(target, url, {
      // Text needs no preflight to another origin, because text/plain is safelisted (Fetch standard, 2.2.2). Bytes need
      // one.
      headers: body
        ? { "content-type": typeof body === "string" ? TEXT_TYPE : BYTES_TYPE }
        : { [ENVELOPE_HEADER]: line },
      body,
      // The last upload has to outlive its page. Browsers allow that for 64 KiB.
      keepalive: !!envelope.close && (body?.length ?? 0) < KEEPALIVE_BYTES,
      signal: abort.signal,
    })
    status = answer.status
    arm(EXCHANGE_DEADLINE_MS)
    const reader = answer.body?.getReader()
    let bytes = new Uint8Array(reader ? [] : await answer.arrayBuffer())
    for (;;) {
      const piece = (await reader?.read())?.value
      if (!piece) break
      for (const each of running) each.moved() // this one too
      moved?.()
      const longer = new Uint8Array(bytes.length + piece.length)
      longer.set(bytes)
      longer.set(piece, bytes.length)
      bytes = longer
    }
    return read(answer, bytes, target.runtime.now(), envelope, url)
  } catch (error) {
    return { failed: closing("network", abort.signal.aborted ? "no answer in time" : wordsOf(error)), status }
  } finally {
    cancel()
    running.delete(self)
  }
}

function read({ status, headers }: FetchAnswer, bytes: Uint8Array, now: number, asked: Envelope, url: string): Answer {
  const refused = refusal(status, headers, now, url)
  let answer: { envelope: Envelope; batch: Batch | undefined } | undefined
  try {
    answer = decodeBody(bytes, headers.get("content-type") ?? "")
  } catch {
    // The body is not the hub's, so only the status and the headers count.
  }
  if (status === 200 && answer) {
    // A cached answer, or one that a proxy gave to several requests, has another link or number.
    const { link, up, poll } = answer.envelope
    const stale = (asked.link && link !== asked.link) || up !== asked.up || poll !== asked.poll
    return stale ? { failed: closing("refused", "a stale answer"), status } : answer
  }
  // The hub's own closing goes first. `Retry-After` counts if the closing has no wait.
  return { failed: { ...refused, ...answer?.envelope.close }, status, hub: answer?.envelope.hub }
}
