import type { Clockwork } from "../../session/clockwork.ts"
import type { Runtime } from "../../session/runtime.ts"
import type { HttpExchange, HttpStream } from "../../transports/transport.ts"
import { utf8 } from "../../wire/batch.ts"
import { BODY_DEADLINE_MS, BODY_PROGRESS_BYTES } from "../../wire/defaults.ts"
import { type Closing, EverwireError } from "../../wire/errors.ts"
import { Pieces } from "../limits/pieces.ts"
import { NOT_TAKEN, Taking, type Written } from "../limits/taking.ts"

/** A stream is handed over in pieces of this many bytes, so that a slow reader can show that it reads. */
const PIECE_BYTES = 16_384

/** Creates an exchange from the web's Request, and the Response that answers it (Fetch standard), for `hub.fetch`. */
export function createWebExchange(
  request: Request,
  address: string | undefined,
  clockwork: Clockwork,
  takeMs: number,
): { exchange: HttpExchange; response: Promise<Response> } {
  const { runtime } = clockwork
  const url = new URL(request.url)
  let resolve: (response: Response) => void = () => {}
  const response = new Promise<Response>((settle) => {
    resolve = settle
  })
  const abort = new AbortController()
  const left = (): void => abort.abort()
  if (request.signal.aborted) left()
  else request.signal.addEventListener("abort", left)
  let link: { lost(why: Closing): void } | undefined
  const exchange: HttpExchange = {
    method: request.method,
    path: url.pathname,
    address,
    // Plain HTTP here does not mean that the client used it: a proxy may have ended the TLS connection.
    isSecure: url.protocol === "https:" || undefined,
    request,
    query: (name) => url.searchParams.get(name) ?? undefined,
    header: (name) => request.headers.get(name) ?? (name === "host" ? url.host : undefined),
    body: (maxBytes, more) => readBody(request, maxBytes, more, runtime),
    respond(status, headers, body) {
      // BodyInit excludes only a Uint8Array on shared memory, and the hub makes none.
      resolve(new Response(status === 204 ? null : ((body ?? null) as BodyInit | null), { status, headers }))
    },
    stream(status, headers) {
      const watched = (written: Written, cut: () => void): Taking =>
        new Taking(clockwork, takeMs, written, () => {
          link?.lost(NOT_TAKEN)
          cut()
        })
      const { body, stream } = createStream(() => abort.abort(), watched)
      resolve(new Response(body, { status, headers }))
      return stream
    },
    onLeaving(told) {
      link = told
    },
    onAbort(run) {
      if (abort.signal.aborted) runtime.soon(run)
      else abort.signal.addEventListener("abort", run, { once: true })
    },
  }
  return { exchange, response }
}

async function readBody(
  request: Request,
  maxBytes: number,
  more: ((beginning: Uint8Array) => number) | undefined,
  runtime: Runtime,
): Promise<Uint8Array> {
  let most = maxBytes
  let ask = more
  if (request.bodyUsed || request.body?.locked) {
    throw new EverwireError(
      "misuse",
      "the body of this request was read before hub.fetch was asked: ask hub.fetch first, or read a request.clone()",
    )
  }
  const reader = request.body?.getReader()
  if (reader === undefined) return new Uint8Array()
  const pieces = new Pieces()
  let late = false
  const watch = (bytesBefore: number): (() => void) =>
    runtime.after(BODY_DEADLINE_MS, () => {
      if (pieces.bytes - bytesBefore >= BODY_PROGRESS_BYTES) {
        cancel = watch(pieces.bytes)
        return
      }
      late = true
      void reader.cancel().catch(() => {}) // fails if the body is broken already
    })
  let cancel = watch(0)
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (late) throw new EverwireError("timeout", "too little of the body came in time")
      if (done) return pieces.join()
      pieces.add(value)
      if (pieces.bytes <= most) continue
      most = ask?.(pieces.join()) ?? most
      ask = undefined
      if (pieces.bytes > most) throw new EverwireError("too-large", `a body may hold ${most} bytes`)
    }
  } catch (cause) {
    void reader.cancel().catch(() => {}) // as above
    throw cause instanceof EverwireError ? cause : new EverwireError("network", "the body broke off", { cause })
  } finally {
    cancel()
  }
}

function createStream(
  left: () => void,
  watched: (written: Written, cut: () => void) => Taking,
): { body: ReadableStream<Uint8Array>; stream: HttpStream } {
  let controller: ReadableStreamDefaultController<Uint8Array> | undefined
  let drained = (): void => {}
  /** Data that was written and is not handed over yet, and its length. */
  let pieces: Uint8Array[] = []
  let waitingBytes = 0
  /** Length of the piece that was handed over last. It counts as taken when the reader asks for the next one. */
  let handedBytes = 0
  let takenBytes = 0
  let isEnded = false
  let isOver = false
  const over = (): void => {
    isOver = true
    pieces = []
    waitingBytes = handedBytes = 0
    taking.stop()
  }
  /** Hands pieces over while the reader asks for more. */
  const hand = (): void => {
    while (!isOver && (controller?.desiredSize ?? 0) > 0) {
      takenBytes += handedBytes
      handedBytes = 0
      const piece = pieces.shift()
      if (piece === undefined) break
      waitingBytes -= piece.length
      handedBytes = piece.length
      controller?.enqueue(piece)
    }
    if (!isEnded || isOver || pieces.length > 0) return
    controller?.close()
    over()
  }
  const body = new ReadableStream<Uint8Array>(
    {
      start: (started) => {
        controller = started
      },
      pull: () => {
        hand()
        drained()
      },
      cancel: () => {
        over()
        left()
      },
    },
    { highWaterMark: 1 },
  )
  const bufferedBytes = (): number => waitingBytes + handedBytes
  const taking = watched({ pendingBytes: bufferedBytes, takenBytes: () => takenBytes }, () => {
    over()
    controller?.error(new EverwireError(NOT_TAKEN.code, NOT_TAKEN.reason))
    left()
  })
  const stream: HttpStream = {
    get bufferedBytes() {
      return bufferedBytes()
    },
    write(text) {
      if (isEnded || isOver) return
      const bytes = utf8(text)
      for (let at = 0; at < bytes.length; at += PIECE_BYTES) pieces.push(bytes.subarray(at, at + PIECE_BYTES))
      waitingBytes += bytes.length
      hand()
      taking.watch()
    },
    end() {
      isEnded = true
      hand()
    },
    cut() {
      if (isOver) return
      over()
      controller?.error(new Error("the hub has cut it"))
    },
    onDrain: (run) => {
      drained = run
    },
  }
  return { body, stream }
}
