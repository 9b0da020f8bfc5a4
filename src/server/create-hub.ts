import type { AnyContract, Contract } from "../messaging/contract.ts"
import type { ContractOption, HubContract } from "../messaging/schema-contract.ts"
import type { Acceptor } from "../transports/transport.ts"
import { Hub } from "./hub.ts"
import type { HubOptions } from "./options.ts"
import type { Principal } from "./peer.ts"
import { httpTransports, resolveAcceptors } from "./transports.ts"

/** Options of a hub in any runtime. */
export interface WebHubOptions<P extends Principal = Principal> extends HubOptions<P> {
  /** Transports that the hub offers, by name or as your own acceptor. Default: SSE, long-poll and short-poll. */
  readonly transports?: readonly (keyof typeof httpTransports | Acceptor)[] | undefined
}

/**
 * Creates a hub for any runtime with the web's Request and Response. Pass requests to `hub.fetch`. On Node, use
 * `createHub` from `everwire/node`, which has WebSocket.
 *
 * @throws EverwireError `misuse` on an unknown transport or option, or an invalid path, origin or proxy.
 */
export function createHub<C extends Contract<C> = AnyContract, P extends Principal = Principal, D = unknown>(
  options: WebHubOptions<P> & ContractOption<HubContract<C>> = {},
): Hub<C, P, D> {
  return new Hub<C, P, D>(options, resolveAcceptors(options, ["sse", "long-poll", "short-poll"], httpTransports), {
    transports: "",
  })
}
