import type { IncomingMessage, ServerResponse } from "node:http"
import type { Http2ServerRequest, Http2ServerResponse } from "node:http2"
import type { Duplex } from "node:stream"
import type { AnyContract, Contract } from "../../messaging/contract.ts"
import { entranceOf, Hub } from "../../server/hub.ts"
import type { HubOptions } from "../../server/options.ts"
import type { Principal } from "../../server/peer.ts"
import { httpTransports, resolveAcceptors } from "../../server/transports.ts"
import type { Acceptor } from "../../transports/transport.ts"
import { websocketAcceptor } from "../../transports/websocket/acceptor.ts"
import { NodeDoor } from "./door.ts"
import type { AttachableServer } from "./server.ts"

/** Options of a hub on Node. */
export interface NodeHubOptions<P extends Principal = Principal> extends HubOptions<P> {
  /** What is offered, by name or as an acceptor of one's own. Default: all four. The order does not matter here. */
  readonly transports?: readonly (NodeTransportName | Acceptor)[] | undefined
  /** Whether `permessage-deflate` (RFC 7692) is offered. Default `false`: it costs memory and CPU for every peer. */
  readonly perMessageDeflate?: boolean | undefined
}

/** Transports that a hub on Node knows by name. */
export type NodeTransportName = "websocket" | "sse" | "long-poll" | "short-poll"

const transports = { websocket: websocketAcceptor, ...httpTransports } as const

/** Options that a hub on Node has beside those of all hubs. */
const OWN = { transports: "", perMessageDeflate: "boolean" }

/** A hub that mounts on Node's `http.Server` and on everything built upon it. */
export interface NodeHub<C extends Contract<C> = AnyContract, P extends Principal = Principal, D = unknown>
  extends Hub<C, P, D> {
  /**
   * Puts the hub in front of whatever the server does already, and will do: the hub's paths never reach the listeners of
   * `request` and `upgrade`, in whichever order they come and go. Everything else reaches them as before. A request that
   * nobody listens to is answered 404. Takes a server of node:http, node:https or node:http2, listening or not. Returns
   * what undoes it; `hub.close()` does too.
   *
   * A `headersTimeout` of the server that is Node's default, 60 s, is 15 s while a hub is attached: within that, and the
   * server's `connectionsCheckingInterval`, connections are closed whose request does not begin or end.
   *
   * When the server is closed, the channels on it are told to dial again: `server.close()` does not wait for them.
   *
   * @throws EverwireError `misuse` on what is no such server (an application of a framework: the message says what to
   * write), when another hub is attached at this path, and when the hub is closed.
   */
  attach(server: AttachableServer): () => void

  /**
   * A request listener, and middleware of Express, Connect, Fastify and Koa. Calls `next` for paths that are not the hub's,
   * and returns what that returns; without a `next` they are answered 404. For the hub's own it returns a promise, which
   * resolves when the answer has ended, for frameworks that answer by themselves when their handler has returned. (The
   * type does not say so, because who passes it to `createServer` has no use for a promise.)
   */
  readonly listener: (
    request: IncomingMessage | Http2ServerRequest,
    response: ServerResponse | Http2ServerResponse,
    next?: () => unknown,
  ) => unknown

  /**
   * For a server's `upgrade` event. `false` when the path is not the hub's: then the socket is the caller's to answer. As
   * the only listener of that event, it has what is not the hub's answered as a request.
   */
  readonly handleUpgrade: (request: IncomingMessage, socket: Duplex, head: Buffer) => boolean
}

/**
 * Makes a hub for Node. What `authenticate` returns is the type of `peer.principal`; beside a contract, which is given as a
 * type, it is given too: `createHub<Chat, User>({ authenticate })`. The third type is that of `peer.data`:
 * `createHub<Chat, User, Player>({ authenticate })`.
 *
 * @throws EverwireError `misuse` on an unknown transport, or a path, an origin or a proxy that is none.
 * @example
 * const hub = createHub<Chat>()
 * hub.attach(http.createServer().listen(8080))
 * hub.on("chat", (data) => hub.send("chat", data))
 */
export function createHub<C extends Contract<C> = AnyContract, P extends Principal = Principal, D = unknown>(
  options: NodeHubOptions<P> = {},
): NodeHub<C, P, D> {
  const acceptors = resolveAcceptors(options, ["websocket", "sse", "long-poll", "short-poll"], transports)
  const hub = new Hub<C, P, D>(options, acceptors, OWN)
  const { attach, listener, handleUpgrade } = new NodeDoor(entranceOf(hub), options.perMessageDeflate ?? false)
  return Object.assign(hub, { attach, listener, handleUpgrade })
}
