import type { Duplex } from "node:stream"
import { WebSocket } from "ws"
import type { ServerSocket, SocketSink } from "../transports/transport.ts"

/** Larger frames are not kept for the next peer: what they save is small beside what they hold. */
const KEPT_BYTES = 65_536

/** The last text that was framed, and its frame: a broadcast sends the same text to one peer after another. */
let lastText = ""
let lastFrame: Buffer = Buffer.alloc(0)

/** The `ws` class with a place for what hears it, so that one set of listeners serves all sockets. */
export class HeardSocket extends WebSocket {
  sink: SocketSink | undefined
}

/**
 * A `ws` socket whose outgoing messages are written to its stream as finished frames (RFC 6455, section 5.2): the same
 * bytes for however many peers are sent the same text, and one write where header and payload would be two. A socket
 * with an extension is left to `ws`.
 */
export class NodeSocket implements ServerSocket {
  readonly #socket: HeardSocket
  readonly #stream: Duplex
  /** Whether messages go through an extension of `ws`. It is agreed in the handshake, and asking costs a list. */
  readonly #extended: boolean
  /** Whether so much was sent that the sink is told when it has gone. */
  #draining = false

  constructor(socket: HeardSocket, stream: Duplex) {
    this.#socket = socket
    this.#stream = stream
    this.#extended = socket.extensions !== ""
  }

  get bufferedAmount(): number {
    return this.#socket.bufferedAmount
  }

  send(data: string | Uint8Array): void {
    const socket = this.#socket
    if (socket.readyState !== socket.OPEN) return
    if (this.#extended) {
      // What is compressed reaches the stream later, so the stream cannot be asked.
      socket.send(data, { binary: typeof data !== "string" }, () => this.#drained())
      this.#draining ||= socket.bufferedAmount >= this.#stream.writableHighWaterMark
      return
    }
    if (typeof data === "string") this.#stream.write(frameText(data))
    else this.#writeBytes(data)
    if (this.#stream.writableNeedDrain && !this.#draining) {
      this.#draining = true
      this.#stream.once("drain", () => this.#drained())
    }
  }

  close(code: number, reason: string): void {
    this.#socket.close(code, reason)
  }
  terminate(): void {
    this.#socket.terminate()
  }
  hear(sink: SocketSink): void {
    this.#socket.sink = sink
    this.#socket.on("message", tellMessage)
    this.#socket.on("close", tellClose)
    this.#socket.on("error", ignore) // the close that follows says what there is to say
  }

  #drained(): void {
    if (!this.#draining || this.#socket.bufferedAmount > 0) return
    this.#draining = false
    this.#socket.sink?.drained()
  }

  #writeBytes(data: Uint8Array): void {
    const stream = this.#stream
    stream.cork()
    stream.write(header(data.length, 2, 0))
    stream.write(data)
    stream.uncork()
  }
}

/** A listener that holds nothing of where it was set: for errors whose consequence is told otherwise. */
export function ignore(): void {}

function tellMessage(this: WebSocket, data: Buffer, isBinary: boolean): void {
  sinkOf(this)?.message(isBinary ? data : data.toString())
}

function tellClose(this: WebSocket, code: number, reason: Buffer): void {
  sinkOf(this)?.closed(code, reason.toString())
}

function sinkOf(socket: WebSocket): SocketSink | undefined {
  return (socket as HeardSocket).sink // the two listeners above are set on nothing else
}

function frameText(text: string): Buffer {
  if (text === lastText) return lastFrame
  const bytes = Buffer.byteLength(text)
  const frame = header(bytes, 1, bytes)
  frame.write(text, frame.length - bytes)
  if (bytes <= KEPT_BYTES) {
    lastText = text
    lastFrame = frame
  }
  return frame
}

/** The header of an unmasked, unfragmented frame, with room for `room` bytes behind it. */
function header(payloadBytes: number, opcode: 1 | 2, room: number): Buffer {
  const headerBytes = payloadBytes < 126 ? 2 : payloadBytes < 65_536 ? 4 : 10
  const frame = Buffer.allocUnsafe(headerBytes + room)
  frame[0] = 0x80 | opcode
  if (headerBytes === 2) frame[1] = payloadBytes
  else if (headerBytes === 4) {
    frame[1] = 126
    frame.writeUInt16BE(payloadBytes, 2)
  } else {
    frame[1] = 127
    frame.writeBigUInt64BE(BigInt(payloadBytes), 2)
  }
  return frame
}
