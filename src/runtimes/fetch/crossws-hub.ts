import type { AnyContract, Contract } from "../../messaging/contract.ts"
import type { ContractOption, HubContract } from "../../messaging/schema-contract.ts"
import { createUpgradingHub, type WebHubOptions } from "../../server/create-hub.ts"
import { entranceOf, type Hub } from "../../server/hub.ts"
import type { Principal } from "../../server/peer.ts"
import { CrosswsDoor, type CrosswsHooks } from "./crossws-door.ts"
import { FetchDoor } from "./fetch-door.ts"

/** A hub for crossws, which h3, Nitro, Nuxt and SolidStart use for WebSocket. */
export interface CrosswsHub<C extends Contract<C> = AnyContract, P extends Principal = Principal, D = unknown>
  extends Hub<C, P, D> {
  /**
   * Hooks for crossws, for the route `<hub path>/websocket`. The other transports come through `hub.fetch`. crossws tells the
   * client's address only when the socket is open, so the limits on upgrades for each address do not apply; those on hellos
   * and sessions do.
   */
  readonly hooks: CrosswsHooks
}

/**
 * Creates a hub for crossws, with all four transports. Types as those of `createHub` of `everwire/node`.
 *
 * @throws EverwireError `misuse` on an unknown transport or option, or an invalid path, origin or proxy
 * @example
 * const hub = createHub<Chat>()
 * app.get("/everwire/websocket", defineWebSocketHandler(hub.hooks))
 * app.all("/everwire/**", (event) => hub.fetch(event.req, getRequestIP(event)))
 */
export function createHub<C extends Contract<C> = AnyContract, P extends Principal = Principal, D = unknown>(
  options: WebHubOptions<P> & ContractOption<HubContract<C>> = {},
): CrosswsHub<C, P, D> {
  const hub = createUpgradingHub<C, P, D>(options)
  const entrance = entranceOf(hub)
  return Object.assign(hub, { hooks: new CrosswsDoor(entrance, new FetchDoor(entrance)).hooks })
}
