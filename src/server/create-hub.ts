import type { AnyContract, Contract } from "../messaging/contract.ts"
import type { ContractOption, HubContract } from "../messaging/schema-contract.ts"
import type { Acceptor } from "../transports/transport.ts"
import { Hub } from "./hub.ts"
import type { HubOptions } from "./options.ts"
import type { Principal } from "./peer.ts"
import { ALL_NAMES, allTransports, resolveAcceptors } from "./transports.ts"

/** Options of a hub in any runtime. */
export interface WebHubOptions<P extends Principal = Principal> extends HubOptions<P> {
  /**
   * Transports that the hub offers, by name or as your own acceptor. Their order has no meaning. Default: all four where
   * the hub answers upgrades (`everwire/bun`, `everwire/deno`, `everwire/workers`, `everwire/crossws`); without
   * `"websocket"` in `everwire/server`, where the application answers them by `hub.upgrade`.
   */
  readonly transports?: readonly (WebTransportName | Acceptor)[] | undefined
}

/** Names of the built-in transports of a hub. */
export type WebTransportName = keyof typeof allTransports

/**
 * Creates a hub for any runtime with the web's Request and Response. Pass requests to `hub.fetch`. On Node, Bun,
 * Deno, Cloudflare's workers and with crossws, use `createHub` from the entry of that name, which has WebSocket.
 *
 * @throws EverwireError `misuse` on an unknown transport or option, or an invalid path, origin or proxy.
 */
export function createHub<C extends Contract<C> = AnyContract, P extends Principal = Principal, D = unknown>(
  options: WebHubOptions<P> & ContractOption<HubContract<C>> = {},
): Hub<C, P, D> {
  return new Hub<C, P, D>(options, resolveAcceptors(options, HTTP_NAMES, allTransports), OWN)
}

/** Creates a hub for a runtime whose servers upgrade, with all four transports by default. */
export function createUpgradingHub<C extends Contract<C>, P extends Principal, D>(
  options: WebHubOptions<P> & ContractOption<HubContract<C>>,
): Hub<C, P, D> {
  return new Hub<C, P, D>(options, resolveAcceptors(options, ALL_NAMES, allTransports), OWN)
}

const HTTP_NAMES = ["sse", "long-poll", "short-poll"] as const

/** Options that such a hub has in addition to those of all hubs. */
const OWN = { transports: "" }
