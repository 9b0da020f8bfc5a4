import type { AnyContract, Contract } from "../messaging/contract.ts"
import type { Acceptor } from "../transports/transport.ts"
import { Hub } from "./hub.ts"
import type { HubOptions } from "./options.ts"
import type { Principal } from "./peer.ts"
import { httpTransports, resolveAcceptors } from "./transports.ts"

/** Options of a hub in any runtime. */
export interface WebHubOptions<P extends Principal = Principal> extends HubOptions<P> {
  /** What is offered, by name or as an acceptor of one's own. Default: SSE, long-poll and short-poll. */
  readonly transports?: readonly (keyof typeof httpTransports | Acceptor)[] | undefined
}

/**
 * Makes a hub for any runtime with the web's Request and Response: bring its requests to `hub.fetch`. On Node, take
 * `createHub` from `everwire/node`, which brings WebSocket.
 *
 * @throws EverwireError `misuse` on an unknown transport, or a path, an origin or a proxy that is none.
 */
export function createHub<C extends Contract<C> = AnyContract, P extends Principal = Principal, D = unknown>(
  options: WebHubOptions<P> = {},
): Hub<C, P, D> {
  return new Hub<C, P, D>(options, resolveAcceptors(options, ["sse", "long-poll", "short-poll"], httpTransports), {
    transports: "",
  })
}
