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

/** How long the rest of a refused body is listened to, and how much of it. */
const LINGER_MS = 2_000
const LINGER_BYTES = 16_777_216
/** Each piece counts as so much at least: a million of one byte each take the hub a second. */
const LINGER_PIECE_BYTES = 1_024

/**
 * What frameworks add to a request: the URL before they cut a mount prefix off, a body that a parser has read, and the
 * bytes that it was read from.
 */
interface FrameworkRequest extends ServedRequest {
  readonly originalUrl?: string
  readonly body?: unknown
  readonly rawBody?: unknown
}

/** The path and the query string of the URL as the client sent it. */
function urlOf(request: ServedRequest): [pathname: string, query: string] {
  let url = (request as FrameworkRequest).originalUrl ?? request.url ?? "/" // Express and connect set it
  // A proxy may name the whole URL (RFC 9112, section 3.2.2).
  if (!url.startsWith("/")) url = url.replace(/^https?:\/\/[^/?]*/i, "")
  const mark = url.indexOf("?")
  return mark < 0 ? [url, ""] : [url.slice(0, mark), url.slice(mark + 1)]
}

export function pathOf(request: ServedRequest): string {
  return urlOf(request)[0]
}

/** Reads headers by lower-case name, holding on to nothing else of the request. */
export function headerReader({ headers }: ServedRequest): (name: string) => string | undefined {
  return (name) => {
    // HTTP/2 names the host otherwise (RFC 9113, section 8.3.1).
    const value = headers[name] ?? (name === "host" ? headers[":authority"] : undefined)
    return Array.isArray(value) ? value.join(", ") : value
  }
}

/** Whether the connection itself has TLS. */
export function isSecure({ socket }: ServedRequest): boolean {
  return "encrypted" in socket // as `TLSSocket` says of itself
}

/** What all exchanges of a hub share. */
export interface ExchangeHost {
  readonly takings: Takings
  readonly chunks: Chunks
}

/** An exchange over Node's own objects. No Request or Response is made. */
export class NodeExchange implements HttpExchange, Hold, Taker {
  readonly method: string
  readonly path: string
  readonly header: (name: string) => string | undefined
  readonly #query: string
  readonly #request: FrameworkRequest
  readonly #response: ServedResponse
  readonly #host: ExchangeHost
  /** Whether the body was taken whole. Node calls the request complete a moment later. */
  #isRead = false
  /** Whether the server has begun to close since the request came. */
  #isLeaving = false
  /** The link that is told then, which completes the answer. */
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

  /** A socket that breaks in the middle of anything must not end the process. */
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
    return this.#response.writableLength // what its socket holds included, once it has its turn there
  }

  /** The client does not take what it was sent. The link is lost with it, so that nothing is kept for it. */
  stalled(): void {
    this.#link?.lost(NOT_TAKEN)
    this.cut()
  }

  query(name: string): string | undefined {
    return new URLSearchParams(this.#query).get(name) ?? undefined
  }

  body(maxBytes: number, more?: More): Promise<Uint8Array> {
    const request = this.#request
    // A parser that lets a body of another type pass may leave an empty object behind (body-parser 1 does).
    if (request.readableDidRead || rawBytes(request.body) !== undefined) return this.#parsedBody(maxBytes, more)
    // Somebody else reads along, a logger perhaps: in the next tick the first piece would be gone.
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
    // What is spread comes last: V8 makes a hidden class for each object that is added to afterwards.
    const head: Record<string, string> =
      status === 204 ? { ...headers } : { "content-length": String(Buffer.byteLength(body)), ...headers }
    // Connections are not a request's to close in HTTP/2.
    if (!isHttp1) delete head["connection"]
    // A body that was not read to its end would be taken for the next request on this connection.
    if (unread) head["connection"] = "close"
    response.writeHead(status, head)
    if (unread) {
      response.write(body)
      return this.#linger()
    }
    const { socket } = response
    // The socket of HTTP/2 is nobody's to cork, and an answer that waits for its turn has none.
    if (!isHttp1 || !socket || body === "") {
      response.end(body)
      return this.#watch()
    }
    // Node puts text into one piece with the head; `end(body)` adds an empty piece, for which the stream gathers the two.
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
    // The socket of HTTP/2 is nobody's to set, and has no delay.
    if (httpVersionMajor < 2) this.#request.socket.setNoDelay(true)
    // Before it has its turn on a pipelined connection, an answer has no socket.
    const isChunked = httpVersionMajor === 1 && httpVersionMinor === 1 && socket !== null
    const head: Record<string, string> = isChunked ? { "transfer-encoding": "chunked", ...headers } : { ...headers }
    // Connections are not a request's to close in HTTP/2.
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
    else this.#response.on("close", look) // it is told once, and `once` makes three objects more
  }

  #watch(): void {
    this.#host.takings.watch(this.#request.socket, this)
  }

  #hasBody(): boolean {
    const { headers } = this.#request
    return headers["transfer-encoding"] !== undefined || (headers["content-length"] ?? "0") !== "0"
  }

  /**
   * Whether nothing can be answered any more. To end an answer whose connection has gone would have Node go on to the
   * next one on it, and Node ends the process where it finds that one gone, too.
   */
  get #isGone(): boolean {
    return this.#response.destroyed || this.#request.socket.destroyed
  }

  /**
   * Closed while the client still writes, the connection would be reset and the answer lost with it: for a moment, what
   * still comes is read and thrown away (RFC 9112, section 9.6). With the end of the body the answer ends, and the
   * connection after it; a body that does not end in time, or is too long, is cut off.
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

  /** A body parser was here before: what it made of the body is turned back. */
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

/** Text or bytes of a body, whichever realm they are of; undefined for what else a parser makes of one. */
function rawBytes(body: unknown): Uint8Array | undefined {
  if (typeof body === "string") return utf8(body)
  return ArrayBuffer.isView(body) ? new Uint8Array(body.buffer, body.byteOffset, body.byteLength) : undefined
}

function ignore(): void {
  // The close that follows says what there is to say.
}
