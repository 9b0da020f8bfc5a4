import type { AnyContract, Contract } from "../../messaging/contract.ts"
import type { ContractOption, HubContract } from "../../messaging/schema-contract.ts"
import { createUpgradingHub, type WebHubOptions } from "../../server/create-hub.ts"
import { entranceOf, type Hub } from "../../server/hub.ts"
import type { Principal } from "../../server/peer.ts"
import { DenoDoor, type DenoInfo } from "./deno-door.ts"
import { FetchDoor } from "./fetch-door.ts"

/** A hub for `Deno.serve`. */
export interface DenoHub<C extends Contract<C> = AnyContract, P extends Principal = Principal, D = unknown>
  extends Hub<C, P, D> {
  /**
   * Answers a request for the hub, over HTTP or by upgrading it to a WebSocket. Undefined if its path is not below
   * `hub.path`: then the application answers. Ask before anything else reads the body. `info` is the second argument of
   * a handler of `Deno.serve`, which has the client's address.
   */
  readonly answer: (request: Request, info: DenoInfo) => Promise<Response> | undefined
  /**
   * The same for a server that has nothing else: `Deno.serve(hub.fetch)`. A path that is not the hub's is answered with 404.
   * It is bound to the hub.
   */
  readonly fetch: (request: Request, info?: unknown) => Promise<Response>
}

/**
 * Creates a hub for Deno, with all four transports. Types as those of `createHub` of `everwire/node`.
 *
 * @throws EverwireError `misuse` on an unknown transport or option, or an invalid path, origin or proxy
 * @example
 * const hub = createHub<Chat>()
 * Deno.serve((request, info) => hub.answer(request, info) ?? new Response("the application"))
 */
export function createHub<C extends Contract<C> = AnyContract, P extends Principal = Principal, D = unknown>(
  options: WebHubOptions<P> & ContractOption<HubContract<C>> = {},
): DenoHub<C, P, D> {
  const hub = createUpgradingHub<C, P, D>(options)
  const entrance = entranceOf(hub)
  const { answer, fetch } = new DenoDoor(entrance, new FetchDoor(entrance))
  return Object.assign(hub, { answer, fetch })
}
