import type { Duplex } from "node:stream"
import { isAllowed, spent } from "../../server/limits/allowance.ts"
import { CONTROL_MS, TOO_MANY_CONTROLS } from "../../server/limits/controls.ts"
import type { Clockwork, Flushable } from "../../session/clockwork.ts"
import { LastMade } from "../../transports/last-made.ts"
import type { ServerSocket, SocketSink } from "../../transports/transport.ts"
import { writeClose } from "../../transports/websocket/close-code.ts"
import { MAX_HELLO_BYTES, TAKE_DEADLINE_MS } from "../../wire/defaults.ts"
import { BYE } from "../../wire/kinds.ts"
import type { HeardSocket } from "./heard-socket.ts"
import { Intake, type IntakeSink, Turns } from "./intake.ts"
import { Takings } from "./takings.ts"

/** From this many bytes on, an incomplete message counts among what the hub keeps. Fewer are not worth the count. */
const SMALL_BYTES = 65_536

/** Sockets written to per batch: few, so that a socket's data is still in the processor's cache (decision 0020). */
const AT_ONCE = 32

/** Most bytes of frame headers before the welcome, with those of a closing frame. */
const MAX_FRAMES_BYTES = 1_024

/**
 * Most bytes that are read after the hub's closing frame: what the client had sent before it got that frame, with its
 * own closing frame. If more comes, nothing more is read, and `ws` cuts the socket when its time for the closing
 * handshake is over. The hub's closing frame has long arrived then.
 */
const CLOSING_BYTES = 1_048_576

/** A finished frame: bytes, or a string with one character for each byte. */
type Frame = string | Buffer

/**
 * The sockets of a hub that have a frame to write in this tick. They are written to one after another, in batches. A
 * write uses much code and memory: after a broadcast each socket finds in the processor's cache what the one before
 * has used.
 */
export class SocketWriter implements Flushable {
  /** Watches the sockets whose clients have not taken all that was sent. */
  readonly takings: Takings
  readonly clockwork: Clockwork
  /** Sockets that have used up their time for input. */
  readonly turns = new Turns()
  readonly frames = new LastMade(frameText)
  readonly #sockets: NodeSocket[] = []

  constructor(clockwork: Clockwork, takings = new Takings(clockwork, TAKE_DEADLINE_MS)) {
    this.clockwork = clockwork
    this.takings = takings
  }

  /** Flushes the socket at the end of the tick, or when there are `AT_ONCE`. */
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
 * A `ws` socket whose outgoing messages are written to its stream as finished frames (RFC 6455, section 5.2). All peers
 * that get the same text share one frame, and a frame is one write, where `ws` makes two of header and payload. If the
 * socket has an extension, `ws` does the writing.
 */
export class NodeSocket implements ServerSocket, IntakeSink {
  readonly #socket: HeardSocket
  readonly #stream: Duplex
  readonly #writer: SocketWriter
  /** Whether messages go through an extension of `ws`. It is fixed in the handshake, and each query makes a list. */
  readonly #extended: boolean
  /** Whether the sink must be told when all data was sent, because the stream was full. */
  #draining = false
  /** The frame that was sent in this tick and is not written yet. */
  #unwritten: Frame = ""
  readonly #intake: Intake
  /** Bytes that have come of a message that is not complete. */
  #partBytes = 0
  /** When the allowance for pings and pongs is full again: see `limits/allowance.ts`. */
  #controlsUntil = 0
  /** Whether too much has come before the welcome. */
  #isRefused = false
  /** Bytes that are still read after the hub's closing frame. Undefined before it. */
  #closingBytes: number | undefined
  /** Most bytes of one message, until the hub has sent a welcome. After a bye the client may send another hello. */
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
      // Compressed data reaches the stream later, so the stream does not count it yet.
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

  /** Writes the frame of this tick, unless a closing frame was sent after it, which must be the last frame. */
  flush(): void {
    const frame = this.#unwritten
    if (frame === "") return
    this.#unwritten = ""
    if (this.#socket.readyState !== this.#socket.OPEN) return
    this.#wrote(typeof frame === "string" ? this.#stream.write(frame, "latin1") : this.#stream.write(frame))
  }

  close(code: number, reason: string): void {
    this.flush()
    this.#closingBytes ??= CLOSING_BYTES
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
    this.#socket.hearWith(sink, this)
  }

  /** This many bytes have come, and are passed to `ws` next. */
  came(bytes: number): void {
    this.#partBytes += bytes
    if (this.#closingBytes !== undefined) {
      this.#closingBytes -= bytes
      if (this.#closingBytes < 0) return this.#intake.drop()
    }
    if (this.#partBytes > this.#mostBytes && !this.#isRefused) {
      this.#isRefused = true
      this.#socket.sink?.overflowed?.()
    }
    if (this.#partBytes < SMALL_BYTES) return
    // Nothing more is read of a refused client. Its socket is cut when the time for the closing handshake is over.
    if (this.#isRefused) this.#intake.drop()
    else this.#socket.sink?.keeps?.(bytes)
  }

  held(bytes: number): void {
    this.#socket.sink?.keeps?.(bytes)
  }

  /** A ping or pong has come. It contains no packets, and `ws` answers it. */
  controlled(): void {
    const now = this.#writer.clockwork.now()
    this.#controlsUntil = spent(this.#controlsUntil, CONTROL_MS, now)
    if (isAllowed(this.#controlsUntil, now) || this.#socket.fault !== undefined) return
    this.#socket.fault = TOO_MANY_CONTROLS
    this.close(...writeClose(TOO_MANY_CONTROLS))
    this.#intake.drop()
  }

  /** A message is complete. */
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

/** Longest text whose frame is a string, in bytes. A longer one is copied behind its header as bytes. */
const TEXT_BYTES = 65_536

/** The frame of ASCII text stays a string, which the stream writes without making a Buffer. */
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

/** The header of a frame that is not masked and not fragmented, one character for each byte. */
function headOf(opcode: 1 | 2, bytes: number): string {
  if (bytes < 126) return String.fromCharCode(0x80 | opcode, bytes)
  const low = String.fromCharCode((bytes >>> 8) & 0xff, bytes & 0xff)
  if (bytes < 65_536) return String.fromCharCode(0x80 | opcode, 126) + low
  // The length has eight bytes here. No batch is so long that it needs the upper four.
  return `${String.fromCharCode(0x80 | opcode, 127, 0, 0, 0, 0, bytes >>> 24, (bytes >>> 16) & 0xff)}${low}`
}
