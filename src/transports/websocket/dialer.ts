import { sizeOf } from "../../kernel/codec.ts"
import { LINK_BUFFER_BYTES } from "../../kernel/defaults.ts"
import { closing } from "../../kernel/errors.ts"
import type { Batch, ClientSocket, Dialer } from "../transport.ts"
import { readClose, writeClose } from "./close-code.ts"

/** Browsers have no event for a draining buffer, so it is looked at again after so long. */
const DRAIN_LOOK_MS = 25

/** WebSocket (RFC 6455): one message is one batch, both ways. */
export const websocket: Dialer = {
  name: "websocket",
  supported: (platform) => platform.openSocket !== undefined,
  dial({ url, platform, runtime }, sink) {
    /** What was sent before the socket opened; undefined from then on. */
    let waiting: Batch[] | undefined = []
    let closed = false
    let cancelLook: (() => void) | undefined
    let socket: ClientSocket | undefined
    const end = (): void => {
      closed = true
      cancelLook?.()
    }
    const look = (): void => {
      cancelLook = undefined
      if (link.bufferedBytes < LINK_BUFFER_BYTES / 2) sink.writable()
      else cancelLook = runtime.after(DRAIN_LOOK_MS, look)
    }
    const put = (batch: Batch): void => {
      socket?.send(batch)
      if (link.bufferedBytes >= LINK_BUFFER_BYTES) cancelLook ??= runtime.after(DRAIN_LOOK_MS, look)
    }
    const link = {
      name: "websocket",
      get bufferedBytes(): number {
        return (socket?.bufferedAmount ?? 0) + (waiting?.reduce((sum, batch) => sum + sizeOf(batch), 0) ?? 0)
      },
      send(batch: Batch): void {
        if (closed) return
        if (waiting !== undefined) waiting.push(batch)
        else put(batch)
      },
      close(why: ReturnType<typeof closing>): void {
        if (closed) return
        end()
        socket?.close(...writeClose(why))
      },
    }
    try {
      socket = platform.openSocket?.(`${url.replace(/^http/, "ws")}/websocket`)
    } catch (error) {
      // The constructor throws on a page that may not open this URL (mixed content, CSP).
      runtime.soon(() => !closed && sink.closed(closing("unsupported", String(error))))
    }
    if (socket === undefined) return link
    socket.binaryType = "arraybuffer"
    socket.onopen = () => {
      const batches = waiting ?? []
      waiting = undefined
      for (const batch of closed ? [] : batches) put(batch)
    }
    socket.onmessage = ({ data }) => {
      if (!closed) sink.batch(typeof data === "string" ? data : new Uint8Array(data as ArrayBuffer)) // by binaryType
    }
    socket.onclose = ({ code, reason }) => {
      if (closed) return
      end()
      sink.closed(readClose(code, reason))
    }
    socket.onerror = () => {} // always followed by close, which knows more
    return link
  },
}
