import type { AnyContract, Contract } from "../kernel/contract.ts"
import type { Acceptor } from "../transports/transport.ts"
import { Hub } from "./hub.ts"
import type { HubOptions } from "./options.ts"
import { httpTransports, resolveAcceptors } from "./transports.ts"

/** Options of a hub in any runtime. */
export interface WebHubOptions extends HubOptions {
  /** What is offered, by name or as an acceptor of one's own. Default: SSE, long-poll and short-poll. */
  readonly transports?: readonly (keyof typeof httpTransports | Acceptor)[]
}

/**
 * Makes a hub for any runtime with the web's Request and Response: bring its requests to `hub.fetch`. On Node, take
 * `createHub` from `everwire/node`, which brings WebSocket.
 *
 * @throws EverwireError `misuse` on an unknown transport, or a path, an origin or a proxy that is none.
 */
export function createHub<C extends Contract = AnyContract>(options: WebHubOptions = {}): Hub<C> {
  return new Hub<C>(options, resolveAcceptors(options.transports ?? ["sse", "long-poll", "short-poll"], httpTransports))
}
