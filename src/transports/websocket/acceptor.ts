import type { Alarm, Clockwork, Slot } from "../../session/clockwork.ts"
import { MAX_HELLO_BYTES } from "../../wire/defaults.ts"
import type { Closing } from "../../wire/errors.ts"
import { decodeBody, TEXT_TYPE } from "../http/envelope.ts"
import { answerLeave } from "../http/server/answer.ts"
import type { Acceptor, Batch, Link, LinkSink, ServerSocket, SocketSink } from "../transport.ts"
import { readClose, writeClose } from "./close-code.ts"
import { readOffer } from "./offer.ts"

/** How long a client may take to answer the closing handshake before its socket is cut, in milliseconds. */
const CLOSE_GRACE_MS = 2_000

/** The first character of an envelope. */
const ENVELOPE = "@".charCodeAt(0)

/** The server half of the WebSocket transport. It works with the `ServerSocket` of any runtime. */
export function websocketAcceptor(): Acceptor {
  return {
    name: "websocket",
    open: (door) => ({
      async exchange(exchange) {
        const body = exchange.method === "POST" ? await exchange.body(MAX_HELLO_BYTES) : new Uint8Array()
        if (body[0] !== ENVELOPE) return false
        answerLeave(exchange, decodeBody(body, TEXT_TYPE).batch, door)
        return true
      },
      socket(socket, origin) {
        const link = new SocketLink(socket, door.clockwork)
        link.sink = door.admit(link, origin)
        const first = readOffer(origin.header("sec-websocket-protocol"))
        if (first !== undefined) link.message(first)
      },
    }),
  }
}

class SocketLink implements Link, SocketSink, Alarm {
  readonly name = "websocket"
  sink: LinkSink | undefined
  readonly #socket: ServerSocket
  readonly #clockwork: Clockwork
  #closed = false
  /** Whether reading is paused until the hub has processed the batches that were read. */
  #isPaused = false
  /** The alarm that cuts a socket whose closing handshake is not finished. */
  slot: Slot | undefined

  constructor(socket: ServerSocket, clockwork: Clockwork) {
    this.#socket = socket
    this.#clockwork = clockwork
    socket.hear(this)
  }

  get bufferedBytes(): number {
    return this.#socket.bufferedAmount
  }

  get keptBytes(): number {
    return this.#socket.incomingBytes ?? 0
  }

  send(batch: Batch): void {
    if (!this.#closed) this.#socket.send(batch)
  }

  close(why: Closing): void {
    if (this.#closed) return
    this.#closed = true
    this.#socket.close(...writeClose(why))
    this.#clockwork.set(this, this.#clockwork.now() + CLOSE_GRACE_MS)
  }

  abandon(): void {
    this.#closed = true
    this.#clockwork.clear(this)
    this.#socket.terminate()
  }

  ring(): void {
    this.#socket.terminate()
  }

  message(batch: Batch): void {
    if (this.#closed) return
    this.sink?.batch(batch)
    if (this.sink?.isBusy === true && !this.#isPaused) this.#pause()
  }

  #pause(): void {
    this.#isPaused = true
    this.#socket.pause?.()
    this.sink?.whenIdle?.(() => {
      this.#isPaused = false
      this.#socket.resume?.()
    })
  }

  overflowed(): void {
    if (!this.#closed) this.sink?.overflowed?.()
  }

  keeps(bytes: number): void {
    if (!this.#closed) this.sink?.keeps?.(bytes)
  }

  drained(): void {
    if (!this.#closed) this.sink?.writable()
  }

  closed(code: number, reason: string): void {
    this.#clockwork.clear(this)
    if (this.#closed) return
    this.#closed = true
    this.sink?.closed(readClose(code, reason))
  }
}
