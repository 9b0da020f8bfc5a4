import { sizeOf } from "../../wire/batch.ts"
import { LINK_BUFFER_BYTES } from "../../wire/defaults.ts"
import { type Closing, closing, wordsOf } from "../../wire/errors.ts"
import { leave } from "../http/client/leave.ts"
import type { Batch, ClientSocket, Dialer, OwnBytes } from "../transport.ts"
import { readClose, writeClose } from "./close-code.ts"
import { writeOffer } from "./offer.ts"

/** The close code of a connection that broke off (RFC 6455, section 7.1.5). */
const ABNORMAL = 1006

/** Browsers have no event for a draining buffer, so it is looked at again after so long. */
const DRAIN_LOOK_MS = 25

/**
 * WebSocket (RFC 6455): one message is one batch, both ways. What is sent right after the dial, the hello, goes with the
 * handshake where it is small.
 */
export const websocket: Dialer = {
  name: "websocket",
  supported: (platform) => !!platform.openSocket,
  leave,
  dial({ url, platform, runtime }, sink) {
    /** What was sent and not yet handed to the socket, because it is not open. */
    const waiting: Batch[] = []
    let isOpen = false
    let closed = false
    let cancelLook: (() => void) | undefined
    let socket: ClientSocket | undefined
    const look = (): void => {
      cancelLook = undefined
      if (link.bufferedBytes < LINK_BUFFER_BYTES / 2) sink.writable()
      else cancelLook = runtime.after(DRAIN_LOOK_MS, look)
    }
    const put = (): void => {
      for (const batch of waiting.splice(0)) socket?.send(batch as string | OwnBytes) // no session shares its memory
      if (link.bufferedBytes >= LINK_BUFFER_BYTES) cancelLook ??= runtime.after(DRAIN_LOOK_MS, look)
    }
    const link = {
      name: "websocket",
      told: undefined as Promise<boolean> | undefined,
      get bufferedBytes(): number {
        return waiting.reduce((sum, batch) => sum + sizeOf(batch), socket?.bufferedAmount ?? 0)
      },
      send(batch: Batch): void {
        if (closed) return
        waiting.push(batch)
        if (isOpen) put()
      },
      close(why: Closing): void {
        if (!end()) return
        // The other end answers the closing frame when it has heard all that came before (RFC 6455, section 7.1.4).
        link.told = new Promise((resolve) => {
          if (socket) socket.onclose = ({ code }) => resolve(code !== ABNORMAL)
          else resolve(false)
        })
        socket?.close(...writeClose(why))
      },
    }
    /** Whether it had not ended before. */
    const end = (): boolean => {
      const was = closed
      closed = true
      cancelLook?.()
      return !was
    }
    const fail = (why: Closing): void => {
      if (end()) sink.closed(why)
    }
    runtime.soon(() => {
      if (closed) return
      const [first] = waiting
      const offer = typeof first === "string" ? writeOffer(first) : []
      try {
        socket = platform.openSocket?.(`${url.replace(/^http/, "ws")}/websocket`, offer)
        if (!socket) return
        if (offer.length > 0) waiting.shift()
        socket.binaryType = "arraybuffer"
        socket.onopen = () => {
          isOpen = true
          try {
            put()
          } catch (error) {
            fail(closing("network", wordsOf(error)))
          }
        }
        socket.onmessage = ({ data }) => {
          if (!closed) sink.batch(typeof data === "string" ? data : new Uint8Array(data as ArrayBuffer)) // by binaryType
        }
        socket.onclose = ({ code, reason }) => fail(readClose(code, reason))
        socket.onrefused = fail
        socket.onerror = () => {} // always followed by close, which knows more
      } catch (error) {
        // The constructor throws on a page that may not open this URL (mixed content, CSP).
        fail(closing("unsupported", wordsOf(error)))
      }
    })
    return link
  },
}
