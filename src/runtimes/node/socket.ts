import type { Duplex } from "node:stream"
import { WebSocket } from "ws"
import { isAllowed, spent } from "../../server/limits/allowance.ts"
import { NOT_TAKEN } from "../../server/limits/taking.ts"
import type { Clockwork, Flushable } from "../../session/clockwork.ts"
import { LastMade } from "../../transports/last-made.ts"
import type { ServerSocket, SocketSink } from "../../transports/transport.ts"
import { writeClose } from "../../transports/websocket/close-code.ts"
import { MAX_HELLO_BYTES, TAKE_DEADLINE_MS } from "../../wire/defaults.ts"
import type { Closing } from "../../wire/errors.ts"
import { BYE } from "../../wire/kinds.ts"
import { type Hold, SERVER_CLOSING } from "./hold.ts"
import { Intake, type IntakeSink, Turns } from "./intake.ts"
import { CONTROL_MS, FAULTS, TOO_MANY_CONTROLS } from "./socket-faults.ts"
import { type Taker, Takings } from "./takings.ts"

/** So much of a message that has not come whole is not worth a count of what the hub keeps. */
const SMALL_BYTES = 65_536

/** So many sockets are written to in a go: enough for the code of a write to pay, few enough to be still at hand. */
const AT_ONCE = 32

/** What the headers of the frames may take that come before the welcome, a closing frame among them. */
const MAX_FRAMES_BYTES = 1_024

/** A finished frame: characters of one byte each, or bytes. */
type Frame = string | Buffer

/** The `ws` class with a place for what hears it, so that one set of listeners serves all sockets. */
export class HeardSocket extends WebSocket implements Hold, Taker {
  sink: SocketSink | undefined
  /** What is written through instead of it. */
  node: NodeSocket | undefined
  /** Why this side ended the connection by itself. The closing frame of the other side, if one comes, says less. */
  fault: Closing | undefined

  /** What its hubs hold open on the server that it came through, this socket among it. */
  holds: Set<Hold> | undefined

  /** The server is closing. The session goes on, elsewhere. */
  leave(): void {
    this.close(...writeClose(SERVER_CLOSING))
  }

  cut(): void {
    this.terminate()
  }

  pendingBytes(): number {
    return this.bufferedAmount
  }

  stalled(): void {
    this.fault = NOT_TAKEN
    this.terminate()
  }
}

/**
 * The sockets of a hub that have something to write in this tick. They wait for each other, some at a time, and are
 * written to one after another: a write touches much code and memory, and after a broadcast each finds at hand what the
 * one before has used.
 */
export class SocketWriter implements Flushable {
  /** Those that have more to send than their clients have taken. */
  readonly takings: Takings
  readonly clockwork: Clockwork
  /** Those that have used up their time for what they bring. */
  readonly turns = new Turns()
  readonly frames = new LastMade(frameText)
  readonly #sockets: NodeSocket[] = []

  constructor(clockwork: Clockwork, takings = new Takings(clockwork, TAKE_DEADLINE_MS)) {
    this.clockwork = clockwork
    this.takings = takings
  }

  /** Has it flushed when the tick ends, or when there are many. */
  add(socket: NodeSocket): void {
    const count = this.#sockets.push(socket)
    if (count === 1) this.clockwork.flushSoon(this)
    else if (count === AT_ONCE) this.flushNow()
  }

  flushNow(): void {
    for (const socket of this.#sockets) {
      try {
        socket.flush()
      } catch (error) {
        this.clockwork.runtime.report(error)
      }
    }
    this.#sockets.length = 0
  }
}

/**
 * A `ws` socket whose outgoing messages are written to its stream as finished frames (RFC 6455, section 5.2): the same
 * bytes for however many peers are sent the same text, and one write where header and payload would be two. A socket
 * with an extension is left to `ws`.
 */
export class NodeSocket implements ServerSocket, IntakeSink {
  readonly #socket: HeardSocket
  readonly #stream: Duplex
  readonly #writer: SocketWriter
  /** Whether messages go through an extension of `ws`. It is agreed in the handshake, and asking costs a list. */
  readonly #extended: boolean
  /** Whether so much was sent that the sink is told when it has gone. */
  #draining = false
  /** What was sent in this tick and is not written yet. */
  #unwritten: Frame = ""
  readonly #intake: Intake
  /** What has come of a message that is not whole. */
  #partBytes = 0
  /** Until when the pings and pongs that came are counted: see `limits/allowance.ts`. */
  #controlsUntil = 0
  /** Whether more came before the welcome than may. */
  #isRefused = false
  /** So much may come at once until this side has said a welcome: a bye may be followed by another hello. */
  #mostBytes = MAX_HELLO_BYTES + MAX_FRAMES_BYTES

  constructor(socket: HeardSocket, stream: Duplex, writer: SocketWriter) {
    this.#socket = socket
    this.#stream = stream
    this.#writer = writer
    this.#extended = socket.extensions !== ""
    this.#intake = new Intake(stream, writer.clockwork, writer.turns, this)
  }

  get incomingBytes(): number {
    return this.#partBytes + this.#intake.heldBytes
  }

  get bufferedAmount(): number {
    return this.#extended ? this.#socket.bufferedAmount : this.#stream.writableLength + this.#unwritten.length
  }

  send(data: string | Uint8Array): void {
    const socket = this.#socket
    if (socket.readyState !== socket.OPEN) return
    if (data[0] !== BYE) this.#mostBytes = Infinity
    if (this.#extended) {
      // What is compressed reaches the stream later, so the stream cannot be asked.
      socket.send(data, { binary: typeof data !== "string" }, () => this.#drained())
      if (socket.bufferedAmount < this.#stream.writableHighWaterMark) return
      this.#draining = true
      return this.#writer.takings.watch(this.#stream, socket)
    }
    this.flush()
    if (typeof data === "string") {
      this.#unwritten = this.#writer.frames.of(data)
      this.#writer.add(this)
    } else this.#wrote(this.#writeBytes(data))
  }

  /** Writes what was sent in this tick, unless a closing frame has gone out since: nothing may follow that. */
  flush(): void {
    const frame = this.#unwritten
    if (frame === "") return
    this.#unwritten = ""
    if (this.#socket.readyState !== this.#socket.OPEN) return
    this.#wrote(typeof frame === "string" ? this.#stream.write(frame, "latin1") : this.#stream.write(frame))
  }

  close(code: number, reason: string): void {
    this.flush()
    this.#socket.close(code, reason)
  }
  terminate(): void {
    this.#socket.terminate()
  }
  pause(): void {
    this.#intake.isPaused = true
    this.#socket.pause()
  }
  resume(): void {
    this.#socket.resume()
    this.#intake.resume()
  }
  hear(sink: SocketSink): void {
    this.#socket.sink = sink
    this.#socket.node = this
    this.#socket.on("message", tellMessage)
    this.#socket.on("ping", countControl)
    this.#socket.on("pong", countControl)
    this.#socket.on("close", tellClose)
    this.#socket.on("error", noteError)
  }

  /** So many bytes have come, of which `ws` has not been told yet. */
  came(bytes: number): void {
    this.#partBytes += bytes
    if (this.#partBytes > this.#mostBytes && !this.#isRefused) {
      this.#isRefused = true
      this.#socket.sink?.overflowed?.()
    }
    if (this.#partBytes < SMALL_BYTES) return
    // No more is read of who was refused, and the socket is cut when the time of its closing handshake is over.
    if (this.#isRefused) this.#intake.drop()
    else this.#socket.sink?.keeps?.(bytes)
  }

  held(bytes: number): void {
    this.#socket.sink?.keeps?.(bytes)
  }

  /** A ping or a pong has come, which brings no packets and is answered by `ws`. */
  controlled(): void {
    const now = this.#writer.clockwork.now()
    this.#controlsUntil = spent(this.#controlsUntil, CONTROL_MS, now)
    if (isAllowed(this.#controlsUntil, now) || this.#socket.fault !== undefined) return
    this.#socket.fault = TOO_MANY_CONTROLS
    this.close(...writeClose(TOO_MANY_CONTROLS))
    this.#intake.drop()
  }

  /** A message is whole. */
  heard(): void {
    this.#partBytes = 0
  }

  #drained(): void {
    if (!this.#draining || this.#socket.bufferedAmount > 0) return
    this.#draining = false
    this.#socket.sink?.drained()
  }

  #wrote(hasRoom: boolean): void {
    if (hasRoom || this.#draining) return
    this.#draining = true
    this.#stream.once("drain", () => this.#drained())
    this.#writer.takings.watch(this.#stream, this.#socket)
  }

  #writeBytes(data: Uint8Array): boolean {
    const stream = this.#stream
    stream.cork()
    stream.write(Buffer.from(headOf(2, data.length), "latin1"))
    const hasRoom = stream.write(data)
    stream.uncork()
    return hasRoom
  }
}

/** A listener that holds nothing of where it was set: for errors whose consequence is told otherwise. */
export function ignore(): void {}

function tellMessage(this: WebSocket, data: Buffer, isBinary: boolean): void {
  ;(this as HeardSocket).node?.heard() // as in `sinkOf`
  sinkOf(this)?.message(isBinary ? data : data.toString())
}

/** Counts a ping or a pong. */
function countControl(this: WebSocket): void {
  ;(this as HeardSocket).node?.controlled() // as in `sinkOf`
}

/** After an error `ws` reads no more, so it hears of no closing frame. The close that follows tells of the other errors. */
function noteError(this: WebSocket, error: Error & { code?: string }): void {
  ;(this as HeardSocket).fault ??= FAULTS[error.code ?? ""] // as in `sinkOf`
}

function tellClose(this: WebSocket, code: number, reason: Buffer): void {
  const socket = this as HeardSocket // as in `sinkOf`
  socket.holds?.delete(socket)
  if (socket.fault === undefined) sinkOf(this)?.closed(code, reason.toString())
  else sinkOf(this)?.closed(...writeClose(socket.fault))
}

function sinkOf(socket: WebSocket): SocketSink | undefined {
  return (socket as HeardSocket).sink // the two listeners above are set on nothing else
}

/** A longer text is put behind its header as bytes, in one copy. */
const TEXT_BYTES = 65_536

/** Text of ASCII alone stays a string, which the stream writes without making a Buffer of it. */
function frameText(text: string): Frame {
  const bytes = Buffer.byteLength(text)
  const head = headOf(1, bytes)
  return bytes === text.length && bytes <= TEXT_BYTES ? head + text : bytesOf(head, text, bytes)
}

function bytesOf(head: string, text: string, bytes: number): Buffer {
  const frame = Buffer.allocUnsafe(head.length + bytes)
  frame.write(head, "latin1")
  frame.write(text, head.length)
  return frame
}

/** The header of an unmasked, unfragmented frame, a character for each byte. */
function headOf(opcode: 1 | 2, bytes: number): string {
  if (bytes < 126) return String.fromCharCode(0x80 | opcode, bytes)
  const low = String.fromCharCode((bytes >>> 8) & 0xff, bytes & 0xff)
  if (bytes < 65_536) return String.fromCharCode(0x80 | opcode, 126) + low
  // Eight bytes of length: no batch comes near the upper four.
  return `${String.fromCharCode(0x80 | opcode, 127, 0, 0, 0, 0, bytes >>> 24, (bytes >>> 16) & 0xff)}${low}`
}
