import EventEmitter from "eventemitter3"
import type { Peer } from "../server/peer.ts"
import { binaryText, bufferOf, fromBinaryText } from "./buffers.ts"
import { type Emitter, type ListenerOptions, Listeners, type SocketEvent } from "./listeners.ts"
import {
  ABNORMAL,
  bytesOf,
  CLOSED,
  CLOSING,
  copyOf,
  type Heard,
  NO_CODE,
  OPEN,
  readClose,
  STATES,
  TOO_LARGE,
  type Word,
  wellFormed,
} from "./words.ts"

/** What `send`, `ping` and `pong` take. Numbers and other values go as their text. */
export type SocketData = string | ArrayBuffer | ArrayBufferView | readonly Uint8Array[] | number

/** Called when the message was handed to the session and there is room for more; with the error if it was not. */
export type SendCallback = (error?: Error) => void

/** The arguments of each event's listeners. */
export interface HubSocketEvents {
  /** `data` is a `Buffer` if `isBinary` is false, and what `binaryType` says if it is true. */
  message: [data: Uint8Array | ArrayBuffer | readonly Uint8Array[], isBinary: boolean]
  /** `reason` is a `Buffer`. */
  close: [code: number, reason: Uint8Array]
  error: [error: Error]
  ping: [data: Uint8Array]
  pong: [data: Uint8Array]
}

/** Most bytes of a ping, a pong and a close's reason (RFC 6455, 5.5). */
const MAX_PING_BYTES = 125
const MAX_REASON_BYTES = 123

/**
 * The hub's end of a socket, with the interface of the `ws` package's `WebSocket`. It is open when `connection` gives it,
 * and stays so while its peer reconnects. Where the session ends, it ends with 1006.
 */
export class HubSocket extends EventEmitter<HubSocketEvents> {
  static readonly CONNECTING = 0
  static readonly OPEN = 1
  static readonly CLOSING = 2
  static readonly CLOSED = 3
  readonly CONNECTING = STATES.CONNECTING
  readonly OPEN = STATES.OPEN
  readonly CLOSING = STATES.CLOSING
  readonly CLOSED = STATES.CLOSED
  /** The sub-protocol that was chosen, or `""`. */
  readonly protocol: string
  readonly extensions = ""
  /** The peer whose socket it is: it has the principal, and sends beside the socket. */
  readonly peer: Peer
  /** How bytes are given to listeners of `message`. */
  binaryType: "nodebuffer" | "arraybuffer" | "fragments" = "nodebuffer"
  readonly #name: string
  /** By its own names of events, which the listeners do not know apart. */
  readonly #listeners = new Listeners(this as unknown as Emitter)
  #state = OPEN
  /** Bytes that were sent since the peer had acknowledged everything. */
  #saidBytes = 0

  /** @internal `createWebSocketServer` makes it. `name` is that of the socket's messages. */
  constructor(peer: Peer, name: string, protocol: string) {
    super()
    this.peer = peer
    this.#name = name
    this.protocol = protocol
  }

  get readyState(): number {
    return this.#state
  }
  /** Bytes that the client has not acknowledged: at most so many, see `docs/socket.md`. */
  get bufferedAmount(): number {
    const { bufferedBytes } = this.peer
    if (bufferedBytes === 0) this.#saidBytes = 0
    return Math.min(this.#saidBytes, bufferedBytes)
  }

  /**
   * Sends a text, or bytes. With `binary` the one goes as the other. A message that is larger than the peer takes closes
   * the socket with 1009.
   *
   * @throws Error before the socket is open, and on the option `fin: false`, because no message goes in parts
   */
  send(data: SocketData, callback?: SendCallback): void
  send(data: SocketData, options?: { readonly binary?: boolean; readonly fin?: boolean }, callback?: SendCallback): void
  send(
    data: SocketData,
    given?: SendCallback | { readonly binary?: boolean; readonly fin?: boolean },
    last?: SendCallback,
  ): void {
    const { binary, fin = true } = typeof given === "object" && given !== null ? given : {}
    if (!fin) throw new Error("a message is sent as a whole: fin is true")
    const bytes = joined(data)
    const text = bytes ? undefined : wellFormed(String(data))
    const isBinary = binary ?? text === undefined
    // One of the two is there.
    const message = isBinary ? (bytes ?? new TextEncoder().encode(text)) : (text ?? new TextDecoder().decode(bytes))
    this.#say(message, typeof given === "function" ? given : last)
  }

  /** Asks the client, which answers each ping with a pong of the same data. */
  ping(data?: unknown, mask?: unknown, callback?: SendCallback): void {
    this.#tellBytes("ping", data, mask, callback)
  }

  pong(data?: unknown, mask?: unknown, callback?: SendCallback): void {
    this.#tellBytes("pong", data, mask, callback)
  }

  /**
   * Begins the closing handshake. @throws TypeError on a code that none may send, RangeError on a reason of more than
   * 123 bytes
   */
  close(code?: number, reason: string | Uint8Array = ""): void {
    if (code !== undefined && !isCode(code)) throw new TypeError(`a code that may be sent; given: ${code}`)
    const why = typeof reason === "string" ? reason : new TextDecoder().decode(reason)
    if (bytesOf(why) > MAX_REASON_BYTES) throw new RangeError(`a reason has at most ${MAX_REASON_BYTES} bytes`)
    if (this.#state === OPEN) this.#leave(code ?? NO_CODE, wellFormed(why))
  }

  /** Ends the socket at once. The client's ends with 1006. */
  terminate(): void {
    if (this.#state === CLOSED) return
    this.#tell({ gone: true })
    // As of a connection that was destroyed: the listeners are called later.
    this.#state = CLOSING
    queueMicrotask(() => this.end(ABNORMAL))
  }

  addEventListener(
    type: string,
    // What an event has depends on its type, and the types of libraries disagree about it.
    // biome-ignore lint/suspicious/noExplicitAny: see above
    listener: ((event: any) => unknown) | { handleEvent(event: any): unknown },
    options?: ListenerOptions,
  ): void {
    this.#listeners.add(type, listener, options)
  }
  removeEventListener(type: string, listener: unknown): void {
    this.#listeners.remove(type, listener)
  }
  get onopen(): ((event: SocketEvent) => unknown) | null {
    return this.#listeners.attribute("open")
  }
  set onopen(handler: unknown) {
    this.#listeners.setAttribute("open", handler)
  }
  get onmessage(): ((event: SocketEvent) => unknown) | null {
    return this.#listeners.attribute("message")
  }
  set onmessage(handler: unknown) {
    this.#listeners.setAttribute("message", handler)
  }
  get onerror(): ((event: SocketEvent) => unknown) | null {
    return this.#listeners.attribute("error")
  }
  set onerror(handler: unknown) {
    this.#listeners.setAttribute("error", handler)
  }
  get onclose(): ((event: SocketEvent) => unknown) | null {
    return this.#listeners.attribute("close")
  }
  set onclose(handler: unknown) {
    this.#listeners.setAttribute("close", handler)
  }

  /** @internal Hears what the client says of this socket. */
  hear(data: unknown): void {
    if (this.#state === CLOSED) return
    if (typeof data === "string") return void this.emit("message", bufferOf(data), false)
    const bytes = copyOf(data)
    if (bytes) {
      const { binaryType } = this
      const buffer = binaryType === "arraybuffer" ? bytes.buffer : bufferOf(bytes)
      return void this.emit("message", binaryType === "fragments" ? [buffer as Uint8Array] : buffer, true) // no "arraybuffer"
    }
    const { close, gone, pong } = Object(data) as Heard
    if (close) {
      const [code, reason] = readClose(close)
      if (this.#state === OPEN) this.#leave(code, reason)
      this.end(code, reason)
    } else if (gone) this.end(ABNORMAL)
    else if (typeof pong === "string") this.emit("pong", bufferOf(fromBinaryText(pong)))
  }

  /** @internal The socket is over. */
  end(code: number, reason = ""): void {
    if (this.#state === CLOSED) return
    this.#state = CLOSED
    this.emit("close", code, bufferOf(reason))
  }

  #leave(code: number, reason: string): void {
    this.#state = CLOSING
    this.#tell({ close: [code, reason] })
  }

  #tell(word: Word): void {
    if (!this.peer.closed) this.peer.send(this.#name, word)
  }

  #tellBytes(kind: "ping" | "pong", data: unknown, mask: unknown, last?: SendCallback): void {
    const [given, callback] =
      typeof data === "function" ? [undefined, data] : [data, typeof mask === "function" ? mask : last]
    const bytes = joined(given) ?? new TextEncoder().encode(given === undefined ? "" : String(given))
    if (bytes.length > MAX_PING_BYTES) throw new RangeError(`a ${kind} has at most ${MAX_PING_BYTES} bytes`)
    const text = binaryText(bytes)
    this.#say(kind === "ping" ? { ping: text } : { pong: text }, callback as SendCallback | undefined) // nothing else is called
  }

  #say(message: string | Uint8Array | Word, callback?: SendCallback): void {
    const { peer } = this
    const later = (error?: Error): void => void (callback && queueMicrotask(() => callback(error)))
    if (this.#state !== OPEN) return later(new Error("the socket is not open"))
    if (peer.bufferedBytes === 0) this.#saidBytes = 0
    let hasRoom = false
    try {
      hasRoom = peer.send(this.#name, message)
    } catch (error) {
      this.#leave(TOO_LARGE, "too large")
      return later(error as Error) // a peer throws nothing else
    }
    this.#saidBytes +=
      typeof message === "string" ? bytesOf(message) : message instanceof Uint8Array ? message.length : 0
    if (hasRoom) later()
    else if (callback) void peer.writable().then(() => callback(), callback)
  }
}

/** Bytes as one copy. Undefined if `data` are none. */
function joined(data: unknown): Uint8Array<ArrayBuffer> | undefined {
  if (!Array.isArray(data)) return copyOf(data)
  const parts = data.map((part) => copyOf(part) ?? new TextEncoder().encode(String(part)))
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const part of parts) {
    bytes.set(part, at)
    at += part.length
  }
  return bytes
}

/** Whether a close may be sent with this code (RFC 6455, 7.4, and the register of codes). */
function isCode(code: number): boolean {
  return (
    (code >= 1000 && code <= 1014 && code !== 1004 && code !== 1005 && code !== 1006) || (code >= 3000 && code <= 4999)
  )
}
