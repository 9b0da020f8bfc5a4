import { isAllowed, spent } from "../../server/limits/allowance.ts"
import { CONTROL_MS, TOO_LARGE, TOO_MANY_CONTROLS } from "../../server/limits/controls.ts"
import { NOT_TAKEN, Taking, type Written } from "../../server/limits/taking.ts"
import type { Clockwork } from "../../session/clockwork.ts"
import type { ServerSocket, SocketSink } from "../../transports/transport.ts"
import { writeClose } from "../../transports/websocket/close-code.ts"
import { isLarger } from "../../wire/batch.ts"
import { LINK_BUFFER_BYTES } from "../../wire/defaults.ts"
import { type Closing, closing } from "../../wire/errors.ts"

/** Close code of a connection that broke off (RFC 6455, section 7.1.5). */
const ABNORMAL = 1006

/** How often a full send buffer is checked where the runtime does not tell that it drained, in milliseconds. */
const DRAIN_LOOK_MS = 25

const SEND_REFUSED = closing("network", "the runtime did not take a message")

/** The WebSocket of a runtime, as far as a hub needs it. No method of it is called after the socket has closed. */
export interface RuntimeSocket {
  /** Bytes that were sent and that the network has not taken yet. 0 where the runtime cannot tell. */
  bufferedAmount(): number
  /** Sends one message. Returns false if the runtime has dropped it. May throw instead. */
  send(data: string | Uint8Array): boolean
  close(code: number, reason: string): void
  /** Ends the connection without waiting for the other end, or as soon as the runtime can. */
  terminate(): void
}

/** What a socket needs to know of its hub. */
export interface SocketHost {
  readonly clockwork: Clockwork
  readonly maxBatchBytes: number
  readonly takeMs: number
}

/**
 * The socket of a runtime as the hub sees it, with what runtimes lack: a client that does not read is cut, a message that
 * is too large ends the link with a code, a message that the runtime drops ends the link, so that the session repeats it on the
 * next one, and the end is told exactly once. The adapter of the runtime calls `came`, `emptied`, `controlled` and
 * `ended`.
 */
export class ServedSocket implements ServerSocket, Written {
  readonly #socket: RuntimeSocket
  readonly #host: SocketHost
  /** Whether the adapter calls `emptied`. If not, a full send buffer is looked at again and again. */
  readonly #tellsDrain: boolean
  readonly #taking: Taking
  #sink: SocketSink | undefined
  /** Whether the end was told. */
  #isOver = false
  /** By how many bytes the send buffer has grown in all. */
  #grownBytes = 0
  #cancelLook: (() => void) | undefined
  /** When the allowance for pings and pongs is full again: see `limits/allowance.ts`. */
  #controlsUntil = 0
  /** Why the hub ended the connection. It is told instead of the client's closing frame, if that comes. */
  #fault: Closing | undefined

  constructor(socket: RuntimeSocket, host: SocketHost, tellsDrain: boolean) {
    this.#socket = socket
    this.#host = host
    this.#tellsDrain = tellsDrain
    this.#taking = new Taking(host.clockwork, host.takeMs, this, () => this.#cut(NOT_TAKEN))
  }

  get bufferedAmount(): number {
    return this.pendingBytes()
  }

  pendingBytes(): number {
    return this.#isOver ? 0 : this.#socket.bufferedAmount()
  }

  takenBytes(): number {
    return this.#grownBytes - this.pendingBytes()
  }

  hear(sink: SocketSink): void {
    this.#sink = sink
  }

  send(data: string | Uint8Array): void {
    if (this.#isOver || this.#fault !== undefined) return
    const before = this.#socket.bufferedAmount()
    if (!this.#put(data)) return this.#cut(SEND_REFUSED)
    const after = this.#socket.bufferedAmount()
    if (after === 0) return
    if (after > before) this.#grownBytes += after - before
    this.#taking.watch()
    if (!this.#tellsDrain && after >= LINK_BUFFER_BYTES) this.#lookLater()
  }

  close(code: number, reason: string): void {
    if (this.#isOver) return
    try {
      this.#socket.close(code, reason)
    } catch (error) {
      this.#host.clockwork.runtime.report(error)
      this.terminate()
    }
  }

  terminate(): void {
    if (this.#isOver) return
    try {
      this.#socket.terminate()
    } catch (error) {
      this.#host.clockwork.runtime.report(error)
    }
    this.ended(ABNORMAL, "")
  }

  /** A message has come. */
  came(data: string | Uint8Array): void {
    if (this.#isOver || this.#fault !== undefined) return
    if (isLarger(data, this.#host.maxBatchBytes)) this.#fail(TOO_LARGE)
    else this.#sink?.message(data)
  }

  /** The send buffer is smaller than before. */
  emptied(): void {
    if (this.#isOver || this.#socket.bufferedAmount() > 0) return
    this.#sink?.drained()
  }

  /** A ping or pong has come, which the runtime answers. */
  controlled(): void {
    const now = this.#host.clockwork.now()
    this.#controlsUntil = spent(this.#controlsUntil, CONTROL_MS, now)
    if (!this.#isOver && this.#fault === undefined && !isAllowed(this.#controlsUntil, now))
      this.#fail(TOO_MANY_CONTROLS)
  }

  /** The socket has closed. */
  ended(code: number, reason: string): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#taking.stop()
    this.#cancelLook?.()
    if (this.#fault === undefined) this.#sink?.closed(code, reason)
    else this.#sink?.closed(...writeClose(this.#fault))
  }

  #put(data: string | Uint8Array): boolean {
    try {
      return this.#socket.send(data)
    } catch {
      return false // the socket has closed, and its event comes later
    }
  }

  /** Ends the connection with a closing frame, and tells the hub at once: nothing more is heard. */
  #fail(why: Closing): void {
    this.#fault = why
    const [code, reason] = writeClose(why)
    this.close(code, reason)
    this.ended(code, reason)
  }

  #cut(why: Closing): void {
    this.#fault ??= why
    this.terminate()
  }

  #lookLater(): void {
    this.#cancelLook ??= this.#host.clockwork.runtime.after(DRAIN_LOOK_MS, () => {
      this.#cancelLook = undefined
      if (this.pendingBytes() >= LINK_BUFFER_BYTES / 2) this.#lookLater()
      else this.#sink?.drained()
    })
  }
}
