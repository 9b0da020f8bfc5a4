import { createServer, type IncomingMessage } from "node:http"
import type { Duplex } from "node:stream"
import { readOffer } from "../../transports/websocket/offer.ts"
import { ignore } from "./heard-socket.ts"
import type { NodeServer } from "./server.ts"

export function asksForWebSocket({ headers }: IncomingMessage): boolean {
  return /\bwebsocket\b/i.test(headers.upgrade ?? "")
}

/** Whether a channel of everwire sent the request: its hello is in the handshake. */
export function isOfChannel({ headers }: IncomingMessage): boolean {
  return readOffer(headers["sec-websocket-protocol"]) !== undefined
}

/** Refuses an upgrade. The answer repeats nothing of the request. `retryAfterMs`: how long the client should wait. */
export function refuseUpgrade(socket: Duplex, status: number, reason: string, retryAfterMs?: number): void {
  socket.on("error", ignore) // the client may be gone already
  // An upgraded socket may stay half-open, so it is destroyed without waiting for the client's end.
  socket.once("finish", () => socket.destroy())
  const wait = retryAfterMs === undefined ? "" : `Retry-After: ${Math.ceil(retryAfterMs / 1_000)}\r\n`
  socket.end(`HTTP/1.1 ${status} ${reason}\r\nConnection: close\r\nContent-Length: 0\r\n${wait}\r\n`)
}

/**
 * Answers a request for an upgrade as if the server had no `upgrade` listeners. Returns false if Node's parser is not
 * found.
 */
export function replay(server: NodeServer, request: IncomingMessage, socket: Duplex, head: Buffer): boolean {
  const [parse] = createServer().listeners("connection") as ((this: unknown, socket: Duplex) => void)[] // Node's own
  if (parse === undefined) return false
  let isFirst = true
  const once = (): boolean => {
    const was = isFirst
    isFirst = false
    return was
  }
  // A view of the server that seems to have no `upgrade` listeners, for one request. Older versions of Node ask
  // `listenerCount`, newer ones `shouldUpgradeCallback`. All else, such as timeouts and connection counts, is the
  // server's.
  const view: unknown = Object.create(server, {
    listenerCount: {
      value: (event: string) => (event === "upgrade" && once() ? 0 : server.listenerCount(event)),
    },
    shouldUpgradeCallback: {
      value: (next: IncomingMessage) => !once() && (server.shouldUpgradeCallback?.(next) ?? true),
    },
  })
  socket.unshift(Buffer.concat([headOf(request), head]))
  parse.call(view, socket)
  Object.assign(socket, { server })
  return true
}

/** Returns the head of a request (RFC 9112, sections 3 and 5) as it came. */
function headOf({ method, url, httpVersion, rawHeaders }: IncomingMessage): Buffer {
  let head = `${method} ${url} HTTP/${httpVersion}\r\n`
  for (let i = 0; i < rawHeaders.length; i += 2) head += `${rawHeaders[i]}: ${rawHeaders[i + 1]}\r\n`
  return Buffer.from(`${head}\r\n`, "latin1")
}
