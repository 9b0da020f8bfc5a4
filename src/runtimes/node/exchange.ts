import { NOT_TAKEN } from "../../server/limits/taking.ts"
import type { Clockwork } from "../../session/clockwork.ts"
import { BYTES_TYPE } from "../../transports/http/envelope.ts"
import type { HttpExchange, HttpStream } from "../../transports/transport.ts"
import { utf8 } from "../../wire/batch.ts"
import { type Closing, EverwireError } from "../../wire/errors.ts"
import { type More, readBody, takeBody } from "./body.ts"
import { ChunkedStream, type Chunks } from "./chunked-stream.ts"
import { type Hold, SERVER_CLOSING } from "./hold.ts"
import type { ServedRequest, ServedResponse } from "./served.ts"
import type { Taker, Takings } from "./takings.ts"

/** For how long the rest of a refused body is read, in milliseconds, and at most how many bytes of it. */
const LINGER_MS = 2_000
const LINGER_BYTES = 16_777_216
/** Each piece counts as this many bytes at least: a million pieces of one byte take the hub a second. */
const LINGER_PIECE_BYTES = 1_024

/**
 * Properties that frameworks add to a request: the URL before a mount prefix was removed, the body as a parser has
 * read it, and the bytes that the parser has read.
 */
interface FrameworkRequest extends ServedRequest {
  readonly originalUrl?: string
  readonly body?: unknown
  readonly rawBody?: unknown
}

/** Returns the path and the query string of the URL as the client sent it. */
function urlOf(request: ServedRequest): [pathname: string, query: string] {
  let url = (request as FrameworkRequest).originalUrl ?? request.url ?? "/" // Express and connect set it
  // A proxy may send the whole URL (RFC 9112, section 3.2.2).
  if (!url.startsWith("/")) url = url.replace(/^https?:\/\/[^/?]*/i, "")
  const mark = url.indexOf("?")
  return mark < 0 ? [url, ""] : [url.slice(0, mark), url.slice(mark + 1)]
}

export function pathOf(request: ServedRequest): string {
  return urlOf(request)[0]
}

/** Returns a function that reads headers by lower-case name. It keeps nothing else of the request alive. */
export function headerReader({ headers }: ServedRequest): (name: string) => string | undefined {
  return (name) => {
    // HTTP/2 has the host under another name (RFC 9113, section 8.3.1).
    const value = headers[name] ?? (name === "host" ? headers[":authority"] : undefined)
    return Array.isArray(value) ? value.join(", ") : value
  }
}

/** Whether the connection itself uses TLS. */
export function isSecure({ socket }: ServedRequest): boolean {
  return "encrypted" in socket // only a `TLSSocket` has this property
}

/** What all exchanges of a hub share. */
export interface ExchangeHost {
  readonly takings: Takings
  readonly chunks: Chunks
}

/** An exchange on Node's own objects. It makes no Request and no Response. */
export class NodeExchange implements HttpExchange, Hold, Taker {
  readonly method: string
  readonly path: string
  readonly header: (name: string) => string | undefined
  readonly #query: string
  readonly #request: FrameworkRequest
  readonly #response: ServedResponse
  readonly #host: ExchangeHost
  /** Whether the whole body was taken. Node sets `complete` of the request only a moment later. */
  #isRead = false
  /** Whether the server has begun to close since the request came. */
  #isLeaving = false
  /** The link that completes the answer if the server closes. */
  #link: { lost(why: Closing): void } | undefined

  constructor(request: ServedRequest, response: ServedResponse, host: ExchangeHost) {
    const [pathname, query] = urlOf(request)
    this.method = request.method ?? "GET"
    this.path = pathname
    this.header = headerReader(request)
    this.#query = query
    this.#request = request
    this.#response = response
    this.#host = host
  }

  get #clockwork(): Clockwork {
    return this.#host.takings.clockwork
  }

  get address(): string | undefined {
    return this.#request.socket.remoteAddress
  }

  get isSecure(): boolean {
    return isSecure(this.#request)
  }

  get unsentBytes(): number {
    return this.#response.writableLength
  }

  get request(): ServedRequest {
    return this.#request
  }

  /** Listens to errors and ignores them. Without listeners, a socket that breaks would end the process. */
  outliveErrors(): void {
    this.#request.on("error", ignore)
    this.#response.on("error", ignore)
  }

  onLeaving(link: { lost(why: Closing): void }): void {
    this.#link = link
    if (this.#isLeaving) link.lost(SERVER_CLOSING)
  }

  leave(): void {
    this.#isLeaving = true
    this.#link?.lost(SERVER_CLOSING)
  }

  cut(): void {
    this.#request.socket.destroy()
  }

  pendingBytes(): number {
    return this.#response.writableLength // includes data in the socket, once the answer has its turn there
  }

  /** The client does not read what was sent. The link is lost too, so that the hub keeps nothing for it. */
  stalled(): void {
    this.#link?.lost(NOT_TAKEN)
    this.cut()
  }

  query(name: string): string | undefined {
    return new URLSearchParams(this.#query).get(name) ?? undefined
  }

  body(maxBytes: number, more?: More): Promise<Uint8Array> {
    const request = this.#request
    // A parser that skips a body because of its type may still leave an empty object as `body` (body-parser 1 does).
    if (request.readableDidRead || rawBytes(request.body) !== undefined) return this.#parsedBody(maxBytes, more)
    // Another listener reads the body too, for example a logger. In the next tick the first piece would be gone.
    if (request.readableFlowing) return readBody(request, maxBytes, more, this.#clockwork)
    return new Promise((resolve) => {
      process.nextTick(() => {
        const body = takeBody(request, maxBytes)
        this.#isRead = body !== undefined
        resolve(body ?? readBody(request, maxBytes, more, this.#clockwork))
      })
    })
  }

  respond(status: number, headers: Readonly<Record<string, string>>, body: string | Uint8Array = ""): void {
    const response = this.#response
    if (response.headersSent || this.#isGone) return
    const isHttp1 = this.#request.httpVersionMajor < 2
    const unread = isHttp1 && !this.#isRead && !this.#request.complete && this.#hasBody()
    // The spread comes last, because V8 makes a hidden class for each object that gets properties after a spread.
    const head: Record<string, string> =
      status === 204 ? { ...headers } : { "content-length": String(Buffer.byteLength(body)), ...headers }
    // In HTTP/2 a request cannot close its connection, which it shares with others.
    if (!isHttp1) delete head["connection"]
    // The rest of a body that was not read would be taken for the next request, so the connection is closed.
    if (unread) head["connection"] = "close"
    response.writeHead(status, head)
    if (unread) {
      response.write(body)
      return this.#linger()
    }
    const { socket } = response
    // HTTP/2 streams share the socket, so it must not be corked. An answer that waits for its turn has no socket.
    if (!isHttp1 || !socket || body === "") {
      response.end(body)
      return this.#watch()
    }
    // Node joins text with the head into one piece. `end(body)` would add an empty piece, and cost another join.
    socket.cork()
    response.write(body)
    socket.uncork()
    response.end()
    this.#watch()
  }

  stream(status: number, headers: Readonly<Record<string, string>>): HttpStream {
    const response = this.#response
    const { socket } = response
    const { httpVersionMajor, httpVersionMinor } = this.#request
    // In HTTP/2 all streams share the socket, so it must not be changed. It has no delay anyway.
    if (httpVersionMajor < 2) this.#request.socket.setNoDelay(true)
    // An answer that waits for its turn on a pipelined connection has no socket.
    const isChunked = httpVersionMajor === 1 && httpVersionMinor === 1 && socket !== null
    const head: Record<string, string> = isChunked ? { "transfer-encoding": "chunked", ...headers } : { ...headers }
    // In HTTP/2 a request cannot close its connection.
    if (httpVersionMajor > 1) delete head["connection"]
    response.writeHead(status, head)
    response.flushHeaders?.()
    const watch = (): void => this.#watch()
    if (isChunked) return new ChunkedStream(response, socket, this.#host.chunks, watch)
    return {
      get bufferedBytes() {
        return response.writableLength
      },
      write(text) {
        if (!response.write(text)) watch()
      },
      end() {
        response.end()
        watch()
      },
      cut: () => void response.destroy(),
      onDrain: (run) => void response.on("drain", run),
    }
  }

  onAbort(run: () => void): void {
    const look = (): void => {
      if (!this.#response.writableFinished) run()
    }
    if (this.#response.destroyed) this.#clockwork.runtime.soon(look)
    else this.#response.on("close", look) // comes only once, and `once` would make three more objects
  }

  #watch(): void {
    this.#host.takings.watch(this.#request.socket, this)
  }

  #hasBody(): boolean {
    const { headers } = this.#request
    return headers["transfer-encoding"] !== undefined || (headers["content-length"] ?? "0") !== "0"
  }

  /**
   * Whether the connection is gone. Its answer must not be ended then: Node would go on to the next answer on the
   * connection, and if that one is gone too, Node ends the process.
   */
  get #isGone(): boolean {
    return this.#response.destroyed || this.#request.socket.destroyed
  }

  /**
   * Reads and drops the rest of a body for a short time (RFC 9112, section 9.6). If the connection were closed while
   * the client still writes, it would be reset, and the answer lost. The answer ends when the body has ended, and then
   * the connection closes. A body that does not end in time, or is too long, is cut off.
   */
  #linger(): void {
    const request = this.#request
    let bytes = 0
    const cut = (): void => void request.socket.destroy()
    const cancel = this.#clockwork.runtime.after(LINGER_MS, cut)
    request.on("data", (chunk: Buffer) => {
      bytes += Math.max(chunk.length, LINGER_PIECE_BYTES)
      if (bytes > LINGER_BYTES) cut()
    })
    request.on("end", () => {
      if (!this.#isGone) this.#response.end()
    })
    request.on("close", cancel)
  }

  /** A body parser has read the body before the hub: turns its result back into bytes. */
  async #parsedBody(maxBytes: number, more?: More): Promise<Uint8Array> {
    const { body, rawBody } = this.#request
    const bytes = rawBytes(rawBody) ?? rawBytes(body)
    if (rawBody === undefined && typeof body === "string" && this.header("content-type")?.startsWith(BYTES_TYPE)) {
      throw new EverwireError(
        "misuse",
        "a body parser in front of the hub made text of bytes, and what was in them is lost: mount the hub before it, or " +
          `have it leave ${BYTES_TYPE} alone`,
      )
    }
    if (bytes === undefined) {
      throw new EverwireError(
        "misuse",
        "a body parser in front of the hub took the body: mount the hub before it (hub.attach(server) always is), or put " +
          "the text or the bytes of the body into request.body or request.rawBody",
      )
    }
    const most = bytes.length > maxBytes ? (more?.(bytes) ?? maxBytes) : maxBytes
    if (bytes.length > most) throw new EverwireError("too-large", `a body may hold ${most} bytes`)
    return bytes
  }
}

/** Returns the bytes of a body that is text or bytes, from any realm; undefined for other results of a parser. */
function rawBytes(body: unknown): Uint8Array | undefined {
  if (typeof body === "string") return utf8(body)
  return ArrayBuffer.isView(body) ? new Uint8Array(body.buffer, body.byteOffset, body.byteLength) : undefined
}

function ignore(): void {
  // The `close` event that follows is enough.
}
