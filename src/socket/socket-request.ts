import type { Peer } from "../server/peer.ts"

/** How a socket came, as far as it is known: the part of Node's `IncomingMessage` that libraries read. */
export interface SocketRequest {
  readonly method: "GET"
  /** Path and query of the socket's URL, as the client wrote it. */
  readonly url: string
  /** `host`, as the client wrote it, and `sec-websocket-protocol`. Other headers belong to the link: see `authenticate`. */
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly socket: { readonly remoteAddress: string }
  /** Who asks. */
  readonly peer: Peer
}
