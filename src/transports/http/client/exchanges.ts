import { deadline } from "../../../session/deadline.ts"
import { encodeBatch, type Packet, utf8 } from "../../../wire/batch.ts"
import { UNACKNOWLEDGED_MS } from "../../../wire/defaults.ts"
import { type Closing, closing, wordsOf } from "../../../wire/errors.ts"
import type { Batch, FetchAnswer, FetchInit, Target } from "../../transport.ts"
import { BYTES_TYPE, decodeBody, ENVELOPE_HEADER, type Envelope, TEXT_TYPE, writeEnvelope } from "../envelope.ts"
import { refusal } from "../refusal.ts"
import type { Down } from "./down.ts"
import { post } from "./post.ts"

/**
 * An exchange fails if it makes no progress for this time: its answer does not begin, or does not continue. For a poll
 * that the hub may leave unanswered, the time begins after its hold. An upload gets one more millisecond for each byte
 * of its body.
 */
const EXCHANGE_DEADLINE_MS = 15_000
/** Waits before an exchange that failed is repeated. After the last one fails, the link is given up. */
export const EXCHANGE_RETRY_MS: readonly number[] = [50, 400, 1_000]

/**
 * Largest body that is sent with `keepalive`, in bytes. Browsers refuse more than 64 KiB for all such requests of a
 * page together (Fetch standard, 5.6), and other requests may run at the same time.
 */
const KEEPALIVE_BYTES = 16_384

/** The answer to an exchange. */
export interface Answered {
  readonly envelope: Envelope
  readonly batch: Batch | undefined
}

/** Why an exchange has no answer. */
interface Failed {
  readonly failed: Closing
  /** 0 if no answer began. */
  readonly status: number
  /** Id of the hub that answered, if a hub did. */
  readonly hub?: string | undefined
}

export type Answer = Answered | Failed

/** An exchange that has not ended, or the pause before it is repeated. */
interface Running {
  /** Aborts the exchange, or ends the pause. */
  stop(): void
  /** Bytes came on this link, so the exchange gets more time. */
  moved(): void
}

/** The exchanges of one link. */
export interface Exchanges {
  /** Id of the link. The hub's first answer brings it. */
  link?: string | undefined
  /** Size of the largest body that was answered. A larger one may be answered 413, so it goes alone. */
  passedBytes: number
  /**
   * Sends one POST, and sends it again with the same numbers while that can help. Never rejects. The hello is not
   * repeated: the connector decides what is dialed next. The POST fails if its answer has not begun in time and no
   * bytes have come on the link for `EXCHANGE_DEADLINE_MS`: on a slow network the answer may wait behind another answer.
   * The time is `EXCHANGE_DEADLINE_MS`, and `holdMs` where the hub may hold the answer back.
   */
  run(envelope: Envelope, packets: readonly Packet[], holdMs?: number): Promise<Answer>
  /** Something came on the link: every exchange that has not ended gets more time. */
  moved(): void
  /** The link is over: aborts all exchanges. */
  stop(): void
}

/** What the exchanges of a link tell the link, and ask of it. */
export interface ExchangesHost {
  /** A piece of the answer to a poll has come. */
  moved(): void
  /**
   * A body was answered 413. Returns the smaller body to send in its place, if there can be one. `up`: number of the
   * upload. `hub`: id of the hub that answered, if it was a hub.
   */
  shrink(packets: readonly Packet[], up: number | undefined, hub: string | undefined): Packet[] | undefined
}

/** Begins with no exchange. */
export function createExchanges(target: Target, url: string, down: Down, host: ExchangesHost): Exchanges {
  const { runtime } = target
  const running = new Set<Running>()
  /** Whether polls that bring nothing up go without a body. */
  let mayBeBare = !isPreflighted(url)
  /** Id of the hub that this link belongs to. */
  let ownHub: string | undefined
  let isOver = false

  /** Sends one POST and reads its answer. Without `packets` it has no body, and the envelope is in a header. */
  async function send(envelope: Envelope, packets: readonly Packet[] | undefined, deadlineMs: number): Promise<Answer> {
    const line = writeEnvelope(envelope)
    const body = packets ? (encodeBatch([line, ...packets]) as FetchInit["body"]) : null // never shared memory
    const abort = new AbortController()
    let cancel = (): void => {}
    let until = 0
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
        // The answer to an upload does not prove that the hub can reach the channel by itself.
        if (envelope.poll) host.moved()
        const longer = new Uint8Array(bytes.length + piece.length)
        longer.set(bytes)
        longer.set(piece, bytes.length)
        bytes = longer
      }
      return read(answer, bytes, runtime.now(), envelope, url)
    } catch (error) {
      return { failed: closing("network", abort.signal.aborted ? "no answer in time" : wordsOf(error)), status }
    } finally {
      cancel()
      running.delete(self)
    }
  }

  function pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const stop = (): void => {
        cancel()
        running.delete(self)
        resolve()
      }
      const cancel = runtime.after(ms, stop)
      const self: Running = { stop, moved() {} }
      running.add(self)
    })
  }

  const exchanges: Exchanges = {
    passedBytes: 0,
    async run(envelope, packets, holdMs = 0) {
      for (let tries = 0; ; ) {
        const startedAt = runtime.now()
        // A reason may be longer than a header.
        const isBare = mayBeBare && packets.length === 0 && !envelope.close
        const bytes = bytesOf(packets)
        const answer = await send(
          { link: exchanges.link, holdMs: down.holdMs, ...envelope },
          isBare ? undefined : packets,
          // As fetch tells nothing of how an upload moves, its body has another millisecond for each byte.
          holdMs + EXCHANGE_DEADLINE_MS + bytes,
        )
        if (!("failed" in answer)) {
          ownHub ??= answer.envelope.hub
          exchanges.passedBytes = Math.max(exchanges.passedBytes, bytes)
          return answer
        }
        if (isOver) return answer
        const { failed, status, hub } = answer
        /** Whether the server refuses this request itself, and not only at this moment. */
        const isRefused = status >= 400 && status < 500 && status !== 429
        const heldMs = runtime.now() - startedAt
        if (isBare && isRefused) {
          // Something on the way may drop headers that it does not know, or want a body.
          mayBeBare = false
          continue
        }
        const smaller: Packet[] | undefined = status === 413 ? host.shrink(packets, envelope.up, answer.hub) : undefined
        if (smaller) {
          packets = smaller
          continue
        }
        const pauseMs = EXCHANGE_RETRY_MS[tries++]
        const { retryAfterMs = 0 } = failed
        // An answer that broke off in the middle was not held.
        if (!envelope.up && status !== 200) down.cut?.(heldMs)
        // Another hub behind the same address does not know the link. The next try may reach the right one.
        const canHelp = failed.code === "link-unknown" ? hub && hub !== ownHub : failed.retryable && !isRefused
        if (
          !exchanges.link ||
          !pauseMs ||
          !canHelp ||
          // The session has not so much patience: its connector dials again when the server wishes.
          retryAfterMs > UNACKNOWLEDGED_MS ||
          heldMs > EXCHANGE_DEADLINE_MS
        ) {
          return answer
        }
        await pause(Math.max(pauseMs * (0.5 + runtime.random()), retryAfterMs))
      }
    },
    moved() {
      for (const each of running) each.moved()
    },
    stop() {
      isOver = true
      for (const each of running) each.stop()
    },
  }
  return exchanges
}

/** Size on the wire. */
export function bytesOf(packets: readonly Packet[]): number {
  return packets.reduce((sum, packet) => sum + (typeof packet === "string" ? utf8(packet) : packet).length, 0)
}

/** Whether a browser asks the hub before it sends a header of ours (Fetch standard, "CORS-preflight fetch"). */
function isPreflighted(url: string): boolean {
  const { location } = globalThis as { location?: { origin: string } } // absent in Node
  return location !== undefined && !url.startsWith(`${location.origin}/`)
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
