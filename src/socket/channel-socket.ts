import type { ChannelUse, Lender } from "./channel-use.ts"
import { readUrl, subProtocols } from "./opening.ts"
import { Outgoing } from "./outgoing.ts"
import {
  ABNORMAL,
  bytesOf,
  CLOSED,
  CLOSING,
  CONNECTING,
  copyOf,
  type Heard,
  NO_CODE,
  nameOf,
  OPEN,
  readClose,
  SOCKET,
  TOO_LARGE,
  wellFormed,
} from "./words.ts"

/** Most bytes of a close's reason, in UTF-8: a close frame has room for no more. */
const MAX_REASON_BYTES = 123

/**
 * The client's end of a socket, with the interface of the HTML standard's `WebSocket`. What the standard has it do when a
 * connection breaks, it does when the session of its channel is reset or closed: while the channel reconnects and
 * resumes, it stays open.
 */
export class ChannelSocket extends EventTarget {
  readonly #url: string
  readonly #use: ChannelUse
  readonly #name: string
  readonly #origin: string
  readonly #offered: readonly string[]
  readonly #outgoing: Outgoing
  readonly #stopHearing: () => void
  #protocol = ""
  #state = CONNECTING
  #binaryType = "blob"

  /** @throws DOMException `SyntaxError` */
  constructor(lend: Lender, url: string | URL, protocols: string | Iterable<string> = []) {
    super()
    const { href, origin, host, path } = readUrl(url)
    this.#offered = subProtocols(protocols)
    this.#url = href
    this.#origin = origin
    const use = lend(origin)
    this.#use = use
    const id = use.enter(this)
    this.#name = nameOf(id)
    this.#outgoing = new Outgoing(use.channel, this.#name)
    this.#stopHearing = use.channel.on(this.#name, (data) => this.#hear(data))
    const opening = { id, url: path, host, protocols: this.#offered }
    use.channel.request(SOCKET, opening, { timeoutMs: Number.POSITIVE_INFINITY }).catch((error) => {
      // The hub has refused it, or has no server for it.
      if (this.#state === CONNECTING) this.#end(ABNORMAL, "", error)
    })
  }

  get url(): string {
    return this.#url
  }
  get extensions(): string {
    return "" // the channel compresses by itself, or does not
  }
  get readyState(): number {
    return this.#state
  }
  get protocol(): string {
    return this.#protocol
  }
  /** Bytes of `send` that the hub has not acknowledged. At most so many: what else the channel sends may count in. */
  get bufferedAmount(): number {
    return this.#outgoing.bytes
  }
  get binaryType(): string {
    return this.#binaryType
  }
  set binaryType(type: string) {
    if (type === "blob" || type === "arraybuffer") this.#binaryType = type // an enumeration ignores other values
  }

  /** @throws DOMException `InvalidStateError` before it is open */
  send(...given: unknown[]): void {
    if (given.length === 0) throw new TypeError("send needs data")
    const [data] = given
    if (this.#state === CONNECTING) throw new DOMException("the socket is not open yet", "InvalidStateError")
    const isBlob = typeof Blob === "function" && data instanceof Blob
    const message = isBlob ? data : (copyOf(data) ?? wellFormed(String(data)))
    const bytes = isBlob ? data.size : typeof message === "string" ? bytesOf(message) : (message as Uint8Array).length // no Blob
    if (this.#state !== OPEN) return this.#outgoing.drop(bytes)
    this.#outgoing.say(message, bytes, (error) => {
      if (this.#state !== OPEN) return
      if ((error as { code?: unknown }).code === "payload-too-large") return this.#leave(TOO_LARGE, "too large")
      // Never from within `send`, as the standard has it.
      this.#state = CLOSING
      queueMicrotask(() => this.#fail(error))
    })
  }

  /** @throws DOMException `InvalidAccessError`, `SyntaxError` */
  close(code?: number, reason?: string): void {
    let sent = NO_CODE
    if (code !== undefined) {
      sent = Math.round(Number(code))
      if (sent !== 1000 && !(sent >= 3000 && sent <= 4999)) {
        throw new DOMException(`a code is 1000 or from 3000 to 4999; given: ${code}`, "InvalidAccessError")
      }
    }
    const why = reason === undefined ? "" : wellFormed(String(reason))
    if (bytesOf(why) > MAX_REASON_BYTES) {
      throw new DOMException(`a reason has at most ${MAX_REASON_BYTES} bytes`, "SyntaxError")
    }
    if (this.#state === OPEN) this.#leave(sent === NO_CODE && why !== "" ? 1000 : sent, why)
    if (this.#state !== CONNECTING) return
    this.#state = CLOSING
    queueMicrotask(() => this.#fail(new Error("closed before it was open")))
  }

  /** The channel has lost the other end. */
  lost(isKnown: boolean): void {
    if (isKnown) this.#outgoing.tell({ gone: true })
    this.#end(ABNORMAL, "", this.#state === CONNECTING ? new Error("the session is over") : undefined)
  }

  #leave(code: number, reason: string): void {
    this.#state = CLOSING
    this.#outgoing.tell({ close: [code, reason] })
  }

  #fail(error: unknown): void {
    if (this.#state === CLOSED) return
    this.#outgoing.tell({ gone: true })
    this.#end(ABNORMAL, "", error)
  }

  #hear(data: unknown): void {
    if (typeof data === "string") return this.#tell(data)
    const bytes = copyOf(data)
    if (bytes) return this.#tell(this.#binaryType === "blob" ? new Blob([bytes]) : bytes.buffer)
    const { open, close, gone, ping } = Object(data) as Heard
    if (this.#state === CONNECTING && typeof open === "string") {
      // As the standard wants it: one of those that were offered, and none only if none was.
      if (!(this.#offered.length > 0 ? this.#offered : [""]).includes(open)) {
        return this.#fail(new Error(`the server chose the sub-protocol "${open}"`))
      }
      this.#protocol = open
      this.#state = OPEN
      this.dispatchEvent(new Event("open"))
    } else if (close) {
      const [code, reason] = readClose(close)
      if (this.#state === OPEN) this.#leave(code, reason)
      this.#outgoing.afterAll(() => this.#end(code, reason, undefined, true))
    } else if (gone) this.#end(ABNORMAL, "")
    else if (typeof ping === "string" && this.#state === OPEN) this.#outgoing.tell({ pong: ping })
  }

  #tell(data: unknown): void {
    if (this.#state === OPEN) this.dispatchEvent(new MessageEvent("message", { data, origin: this.#origin }))
  }

  /** @param error Why it failed. Undefined where it has ended, or the connection broke. */
  #end(code: number, reason: string, error?: unknown, wasClean = false): void {
    if (this.#state === CLOSED) return
    this.#state = CLOSED
    this.#outgoing.end()
    this.#stopHearing()
    this.#use.leave(this)
    // The standard tells pages nothing of why. Here it harms nobody, and libraries log it.
    if (error) this.dispatchEvent(Object.assign(new Event("error"), { error, message: String(error) }))
    const details = { code, reason, wasClean }
    const { CloseEvent } = globalThis as { CloseEvent?: new (type: string, init: typeof details) => Event } // Node has it from 23 on
    this.dispatchEvent(CloseEvent ? new CloseEvent("close", details) : Object.assign(new Event("close"), details))
  }
}
