import type { IncomingMessage } from "node:http"
import type { ServerHttp2Stream } from "node:http2"
import type { Socket } from "node:net"
import type { Readable, Writable } from "node:stream"

/*
 * As much of a request and its answer as a hub uses: what the objects of node:http have in common with those that node:http2
 * makes in their likeness (its "compatibility API").
 */

export interface ServedRequest
  extends Readable,
    Pick<
      IncomingMessage,
      "method" | "url" | "headers" | "socket" | "httpVersionMajor" | "httpVersionMinor" | "complete"
    > {
  /** Of HTTP/2 alone. */
  readonly stream?: ServerHttp2Stream
}

export interface ServedResponse extends Writable {
  readonly headersSent: boolean
  /** Null before the answer has its turn on the connection, and when the connection has gone. */
  readonly socket: Socket | null
  writeHead(status: number, headers?: Record<string, string>): this
  /** Node has it for HTTP/2 too, but not in its types. */
  flushHeaders?(): void
}
