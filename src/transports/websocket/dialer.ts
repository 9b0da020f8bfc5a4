import { sizeOf } from "../../wire/batch.ts"
import { LINK_BUFFER_BYTES } from "../../wire/defaults.ts"
import { type Closing, closing, wordsOf } from "../../wire/errors.ts"
import { leave } from "../http/client/leave.ts"
import type { Batch, ClientSocket, Dialer, OwnBytes } from "../transport.ts"
import { readClose, writeClose } from "./close-code.ts"
import { writeOffer } from "./offer.ts"

/** The close code of a connection that broke off (RFC 6455, section 7.1.5). */
const ABNORMAL = 1006

/** How often a full send buffer is checked, in milliseconds. Browsers have no event for a buffer that drains. */
const DRAIN_LOOK_MS = 25

/**
 * WebSocket (RFC 6455): one message is one batch, in both directions. The hello, which is sent right after the dial,
 * goes with the handshake if it is small enough.
 */
export const websocket: Dialer = {
  name: "websocket",
  supported: (platform) => !!platform.openSocket,
  leave,
  dial({ url, platform, runtime }, sink) {
    /** Batches that were sent before the socket was open. */
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
      for (const batch of waiting.splice(0)) socket?.send(batch as string | OwnBytes) // never shared memory
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
        // The other end answers the closing frame after it has received all messages before it (RFC 6455, section
        // 7.1.4).
        link.told = new Promise((resolve) => {
          if (socket) socket.onclose = ({ code }) => resolve(code !== ABNORMAL)
          else resolve(false)
        })
        socket?.close(...writeClose(why))
      },
    }
    /** Marks the link as ended. Returns whether this call ended it. */
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
        socket.onerror = () => {} // a close event always follows, and has a code
      } catch (error) {
        // The constructor throws if the page may not open this URL (mixed content, CSP).
        fail(closing("unsupported", wordsOf(error)))
      }
    })
    return link
  },
}
