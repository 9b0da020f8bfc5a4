/**
 * What both halves say over the channel. A socket is opened by the request {@link SOCKET}. From then on everything of it
 * goes as messages whose name has its number, {@link nameOf}: a text or bytes are a message of the socket, an object is one
 * of the {@link Word}s. `docs/protocol.md` has the list.
 */
export const SOCKET = "everwire:socket"

/** The hub says it when a session has come from another process: the sockets of that process are gone. */
export const GONE = `${SOCKET}:gone`

/** The name of all messages of one socket. */
export function nameOf(id: number): string {
  return `${SOCKET}:${id}`
}

/** The data of the request that opens a socket. */
export interface Opening {
  /** Number of the socket. The channel gives each number once. */
  readonly id: number
  /** Path and query of the socket's URL. */
  readonly url: string
  /** Host and port of the socket's URL. */
  readonly host: string
  /** The sub-protocols that the client offers, best first. */
  readonly protocols: readonly string[]
}

/** What is said about a socket beside its messages. */
export type Word =
  /** The hub has taken the socket, with this sub-protocol or none, `""`. */
  | { readonly open: string }
  /** The beginning of the closing handshake, and the answer to it. 1005 stands for no code. */
  | { readonly close: readonly [code: number, reason: string] }
  /** The socket has ended without a handshake. */
  | { readonly gone: true }
  /** Each character is one byte of what `ping` was given. The client answers with the same as `pong`. */
  | { readonly ping: string }
  | { readonly pong: string }

/** The fields of a word, any of which may be missing or of another type: it comes from the network. */
export type Heard = { readonly [Field in "open" | "close" | "gone" | "ping" | "pong"]?: unknown }

/** The code of a close without a code, and of a socket that ended without a handshake (RFC 6455, 7.4.1). */
export const NO_CODE = 1005
export const ABNORMAL = 1006
/** A message was too large. */
export const TOO_LARGE = 1009

export const CONNECTING = 0
export const OPEN = 1
export const CLOSING = 2
export const CLOSED = 3

/** The values of `readyState`, which both classes have as constants. */
export const STATES = { CONNECTING, OPEN, CLOSING, CLOSED }

/** Code and reason of a close that came. */
export function readClose(close: unknown): [code: number, reason: string] {
  const [code, reason] = Array.isArray(close) ? (close as unknown[]) : []
  return [Number.isInteger(code) ? (code as number) : NO_CODE, typeof reason === "string" ? reason : ""]
}

/** Length of a text in UTF-8. */
export function bytesOf(text: string): number {
  let bytes = text.length
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at)
    // A surrogate pair is two units and four bytes: both halves count one more.
    if (unit > 0x7f) bytes += unit > 0x7ff && (unit < 0xd800 || unit > 0xdfff) ? 2 : 1
  }
  return bytes
}

/** The text as UTF-8 could carry it: half of a surrogate pair becomes U+FFFD, as in a WebSocket. */
export function wellFormed(text: string): string {
  return text.replace(/[\ud800-\udfff]/gu, "\ufffd")
}

/** A copy of the bytes, so that the application may reuse its buffer. Undefined if `data` are no bytes. */
export function copyOf(data: unknown): Uint8Array<ArrayBuffer> | undefined {
  if (ArrayBuffer.isView(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength).slice()
  const isBuffer = Object.prototype.toString.call(data) === "[object ArrayBuffer]"
  return isBuffer ? new Uint8Array(data as ArrayBuffer).slice() : undefined // the tag proves the type
}
