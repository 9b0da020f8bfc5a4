import type { RuntimeSocket, ServedSocket } from "./served-socket.ts"

/**
 * The members that a hub uses of the WebSocket objects of Deno and workerd, which have the interface of the browsers'
 * (WebSockets standard).
 */
export interface WebSocketLike {
  binaryType?: string
  readonly readyState: number
  /** workerd has none. */
  readonly bufferedAmount?: number
  send(data: string | Uint8Array<ArrayBuffer>): void
  close(code: number, reason: string): void
  addEventListener(event: "message", listener: (event: { data: unknown }) => void): void
  addEventListener(event: "close", listener: (event: { code: number; reason: string }) => void): void
  addEventListener(event: "error" | "open", listener: () => void): void
}

/** The `readyState` of a socket that is open. */
const OPEN = 1
/** Close code when an end cannot go on (RFC 6455, section 7.4.1), from the range that an application may use. */
const GIVEN_UP = 4000

/** A socket with the interface of the browsers' as the hub's socket needs it. */
export function runtimeSocket(socket: WebSocketLike): RuntimeSocket {
  return {
    bufferedAmount: () => socket.bufferedAmount ?? 0,
    send(data) {
      // What is sent to a socket that is closing is lost on any runtime.
      if (socket.readyState === OPEN) socket.send(data as string | Uint8Array<ArrayBuffer>) // the hub has no shared memory
      return true
    },
    close: (code, reason) => socket.close(code, reason),
    // The interface has nothing harder.
    terminate: () => socket.close(GIVEN_UP, ""),
  }
}

/** Passes the events of the socket on. `closed` is called when it has closed. */
export function listen(socket: WebSocketLike, served: ServedSocket, closed: () => void = () => {}): void {
  socket.binaryType = "arraybuffer"
  socket.addEventListener("message", ({ data }) => {
    served.came(typeof data === "string" ? data : new Uint8Array(data as ArrayBuffer)) // by `binaryType`
  })
  socket.addEventListener("close", ({ code, reason }) => {
    served.ended(code, reason)
    closed()
  })
  // A `close` event follows an error. Deno logs errors that nobody listens to.
  socket.addEventListener("error", () => {})
}
