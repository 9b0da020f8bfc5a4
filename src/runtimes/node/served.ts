import type { IncomingMessage } from "node:http"
import type { ServerHttp2Stream } from "node:http2"
import type { Socket } from "node:net"
import type { Readable, Writable } from "node:stream"

/*
 * The parts of requests and answers that a hub uses. The objects of node:http and those of node:http2 (its
 * "compatibility API") both have them.
 */

export interface ServedRequest
  extends Readable,
    Pick<
      IncomingMessage,
      "method" | "url" | "headers" | "socket" | "httpVersionMajor" | "httpVersionMinor" | "complete"
    > {
  /** Only on HTTP/2. */
  readonly stream?: ServerHttp2Stream
}

export interface ServedResponse extends Writable {
  readonly headersSent: boolean
  /** Null while other answers are sent on the connection before this one, and when the connection is gone. */
  readonly socket: Socket | null
  writeHead(status: number, headers?: Record<string, string>): this
  /** Answers of HTTP/2 have it as well, but Node's types lack it there. */
  flushHeaders?(): void
}
