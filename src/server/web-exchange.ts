import { utf8 } from "../kernel/codec.ts"
import { BODY_DEADLINE_MS, BODY_PROGRESS_BYTES } from "../kernel/defaults.ts"
import { EverwireError } from "../kernel/errors.ts"
import type { Runtime } from "../kernel/runtime.ts"
import type { HttpExchange, HttpStream } from "../transports/transport.ts"

/** An exchange over the web's Request and Response (Fetch standard), for `hub.fetch`. */
export function createWebExchange(
  request: Request,
  address: string | undefined,
  runtime: Runtime,
): { exchange: HttpExchange; response: Promise<Response> } {
  const url = new URL(request.url)
  let resolve: (response: Response) => void = () => {}
  const response = new Promise<Response>((settle) => {
    resolve = settle
  })
  const abort = new AbortController()
  const left = (): void => abort.abort()
  if (request.signal.aborted) left()
  else request.signal.addEventListener("abort", left)
  const exchange: HttpExchange = {
    method: request.method,
    path: url.pathname,
    address,
    // Without TLS here, a proxy may have taken it off.
    isSecure: url.protocol === "https:" || undefined,
    request,
    query: (name) => url.searchParams.get(name) ?? undefined,
    header: (name) => request.headers.get(name) ?? (name === "host" ? url.host : undefined),
    body: (maxBytes, more) => readBody(request, maxBytes, more, runtime),
    respond(status, headers, body) {
      // A Uint8Array of ours is never backed by shared memory, which is all that BodyInit excludes.
      resolve(new Response(status === 204 ? null : ((body ?? null) as BodyInit | null), { status, headers }))
    },
    stream(status, headers) {
      const { body, stream } = createStream(() => abort.abort())
      resolve(new Response(body, { status, headers }))
      return stream
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
  const chunks: Uint8Array[] = []
  let bytes = 0
  let late = false
  const watch = (bytesBefore: number): (() => void) =>
    runtime.after(BODY_DEADLINE_MS, () => {
      if (bytes - bytesBefore >= BODY_PROGRESS_BYTES) {
        cancel = watch(bytes)
        return
      }
      late = true
      void reader.cancel().catch(() => {}) // a body that is broken already needs no cancelling
    })
  let cancel = watch(0)
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (late) throw new EverwireError("timeout", "too little of the body came in time")
      if (done) return concat(chunks, bytes)
      bytes += value.length
      chunks.push(value)
      if (bytes <= most) continue
      most = ask?.(concat(chunks, bytes)) ?? most
      ask = undefined
      if (bytes > most) throw new EverwireError("too-large", `a body may hold ${most} bytes`)
    }
  } catch (cause) {
    void reader.cancel().catch(() => {}) // as above
    throw cause instanceof EverwireError ? cause : new EverwireError("network", "the body broke off", { cause })
  } finally {
    cancel()
  }
}

function concat(chunks: readonly Uint8Array[], bytes: number): Uint8Array {
  const [first] = chunks
  if (chunks.length === 1 && first !== undefined) return first
  const whole = new Uint8Array(bytes)
  let at = 0
  for (const chunk of chunks) {
    whole.set(chunk, at)
    at += chunk.length
  }
  return whole
}

function createStream(left: () => void): { body: ReadableStream<Uint8Array>; stream: HttpStream } {
  let controller: ReadableStreamDefaultController<Uint8Array> | undefined
  let drained = (): void => {}
  let bufferedBytes = 0
  let ended = false
  const body = new ReadableStream<Uint8Array>(
    {
      start: (started) => {
        controller = started
      },
      pull: () => {
        bufferedBytes = 0
        drained()
      },
      cancel: () => {
        ended = true
        left()
      },
    },
    { highWaterMark: 1 },
  )
  const stream: HttpStream = {
    get bufferedBytes() {
      return bufferedBytes
    },
    write(text) {
      if (ended) return
      const bytes = utf8(text)
      bufferedBytes += bytes.length
      controller?.enqueue(bytes)
      if ((controller?.desiredSize ?? 0) > 0) bufferedBytes = 0
    },
    end() {
      if (!ended) controller?.close()
      ended = true
    },
    cut() {
      if (!ended) controller?.error(new Error("the hub has cut it"))
      ended = true
    },
    onDrain: (run) => {
      drained = run
    },
  }
  return { body, stream }
}
