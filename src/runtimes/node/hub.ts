import type { IncomingMessage, ServerResponse } from "node:http"
import type { Http2ServerRequest, Http2ServerResponse } from "node:http2"
import type { Duplex } from "node:stream"
import type { AnyContract, Contract } from "../../messaging/contract.ts"
import type { ContractOption, HubContract } from "../../messaging/schema-contract.ts"
import { hubDiagnostics } from "../../observe/hub-diagnostics.ts"
import { entranceOf, Hub } from "../../server/hub.ts"
import type { HubOptions } from "../../server/options.ts"
import type { Principal } from "../../server/peer.ts"
import { ALL_NAMES, allTransports, resolveAcceptors } from "../../server/transports.ts"
import type { Acceptor } from "../../transports/transport.ts"
import { NodeDoor } from "./door.ts"
import type { AttachableServer } from "./server.ts"

/** Options of a hub on Node. */
export interface NodeHubOptions<P extends Principal = Principal> extends HubOptions<P> {
  /** Transports that the hub offers, by name or as your own acceptor. Default: all four. Their order has no meaning. */
  readonly transports?: readonly (NodeTransportName | Acceptor)[] | undefined
  /**
   * Whether the hub offers `permessage-deflate` (RFC 7692). Default `false`: it costs memory and CPU for every peer.
   */
  readonly perMessageDeflate?: boolean | undefined
}

/** Names of the transports of a hub on Node. */
export type NodeTransportName = "websocket" | "sse" | "long-poll" | "short-poll"

/** Options that a hub on Node has in addition to those of all hubs. */
const OWN = { transports: "", perMessageDeflate: "boolean" }

/** A hub that can be attached to Node's HTTP servers and to everything that is built upon them. */
export interface NodeHub<C extends Contract<C> = AnyContract, P extends Principal = Principal, D = unknown>
  extends Hub<C, P, D> {
  /**
   * Attaches the hub to a server of node:http, node:https or node:http2, listening or not. Requests and upgrades for
   * the hub's path never reach the server's other listeners, whether they were added before or after; all others reach
   * them as before. A request without a listener is answered with 404. Returns a function that detaches the hub;
   * `hub.close()` does that, too.
   *
   * If the server's `headersTimeout` is Node's default of 60 s, it is 15 s while a hub is attached. After that time,
   * and up to the server's `connectionsCheckingInterval`, Node closes connections on which no complete head has come.
   *
   * `server.close()` does not wait for channels: they are told to dial again.
   *
   * @throws EverwireError `misuse` if `server` is no such server (for a framework's application the message says what
   * to write instead), if another hub is attached at this path, or if this hub is closed
   */
  attach(server: AttachableServer): () => void

  /**
   * A request listener, and middleware for Express, Connect, Fastify and Koa. For paths that are not the hub's it calls
   * `next` and returns the result; without `next` it answers 404. For the hub's paths it returns a promise that
   * resolves when the answer has ended, for frameworks that send an answer themselves when their handler has returned.
   * (The declared type is `unknown`, because `createServer` has no use for a promise.)
   */
  readonly listener: (
    request: IncomingMessage | Http2ServerRequest,
    response: ServerResponse | Http2ServerResponse,
    next?: () => unknown,
  ) => unknown

  /**
   * A listener for a server's `upgrade` event. Returns `false` if the path is not the hub's; the caller must then
   * answer the socket. If it is the only listener of that event, other upgrades are answered like ordinary requests.
   */
  readonly handleUpgrade: (request: IncomingMessage, socket: Duplex, head: Buffer) => boolean
}

/**
 * Creates a hub for Node. `peer.principal` has the type that `authenticate` returns. If you give the contract as a type
 * argument, give the principal's type as well: `createHub<Chat, User>({ authenticate })`. The third type argument is
 * the type of `peer.data`: `createHub<Chat, User, Player>({ authenticate })`. The types of a contract with schemas are
 * those of its value: `createHub({ contract: chat, authenticate })`.
 *
 * @throws EverwireError `misuse` on an unknown transport or option, or an invalid path, origin or proxy
 * @example
 * const hub = createHub<Chat>()
 * hub.attach(http.createServer().listen(8080))
 * hub.on("chat", (data) => hub.send("chat", data))
 */
export function createHub<C extends Contract<C> = AnyContract, P extends Principal = Principal, D = unknown>(
  options: NodeHubOptions<P> & ContractOption<HubContract<C>> = {},
): NodeHub<C, P, D> {
  const acceptors = resolveAcceptors(options, ALL_NAMES, allTransports)
  const hub = new Hub<C, P, D>(options, acceptors, OWN, [hubDiagnostics])
  const { attach, listener, handleUpgrade } = new NodeDoor(entranceOf(hub), options.perMessageDeflate ?? false)
  return Object.assign(hub, { attach, listener, handleUpgrade })
}
