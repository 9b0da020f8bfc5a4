import { WebSocket } from "ws"
import { NOT_TAKEN } from "../../server/limits/taking.ts"
import type { SocketSink } from "../../transports/transport.ts"
import { writeClose } from "../../transports/websocket/close-code.ts"
import type { Closing } from "../../wire/errors.ts"
import { type Hold, SERVER_CLOSING } from "./hold.ts"
import { FAULTS } from "./socket-faults.ts"
import type { Taker } from "./takings.ts"

/** Is told of every frame that has arrived. */
interface FrameCounter {
  /** A message is complete. */
  heard(): void
  /** A ping or pong has come. It contains no packets, and `ws` answers it. */
  controlled(): void
}

/** The `ws` class with fields for what its listeners need, so that all sockets share one set of listeners. */
export class HeardSocket extends WebSocket implements Hold, Taker {
  sink: SocketSink | undefined
  /** Counts what arrives on this socket. */
  node: FrameCounter | undefined
  /** Why the hub ended the connection. It is reported instead of the client's closing frame, if that comes. */
  fault: Closing | undefined

  /** All that hubs hold open on the server that accepted this socket. The socket is in it until it closes. */
  holds: Set<Hold> | undefined

  /** Passes its events to `sink` and `node` from now on. */
  hearWith(sink: SocketSink, node: FrameCounter): void {
    this.sink = sink
    this.node = node
    this.on("message", tellMessage)
    this.on("ping", countControl)
    this.on("pong", countControl)
    this.on("close", tellClose)
    this.on("error", noteError)
  }

  /** The server is closing. The session goes on elsewhere. */
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

/** A listener that does nothing and keeps nothing alive, for errors that another event reports, too. */
export function ignore(): void {}

function tellMessage(this: WebSocket, data: Buffer, isBinary: boolean): void {
  ;(this as HeardSocket).node?.heard() // as in `sinkOf`
  sinkOf(this)?.message(isBinary ? data : data.toString())
}

/** Counts a ping or a pong. */
function countControl(this: WebSocket): void {
  ;(this as HeardSocket).node?.controlled() // as in `sinkOf`
}

/** After these errors `ws` reads no more, so no closing frame comes. Other errors are told by the `close` event. */
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
  return (socket as HeardSocket).sink // these listeners are set only on a HeardSocket
}
