import type { AnyContract, Contract } from "../../messaging/contract.ts"
import type { ContractOption, HubContract } from "../../messaging/schema-contract.ts"
import { createUpgradingHub, type WebHubOptions } from "../../server/create-hub.ts"
import { entranceOf, type Hub } from "../../server/hub.ts"
import type { Principal } from "../../server/peer.ts"
import { BunDoor, type BunServer, type BunWebSocketHandler } from "./bun-door.ts"
import { FetchDoor } from "./fetch-door.ts"

/** A hub for `Bun.serve`. */
export interface BunHub<C extends Contract<C> = AnyContract, P extends Principal = Principal, D = unknown>
  extends Hub<C, P, D> {
  /**
   * Answers a request for the hub, over HTTP or by upgrading it to a WebSocket. Undefined if its path is not below
   * `hub.path`: then the application answers. Ask before anything else reads the body. `server` is the second argument of
   * Bun's `fetch`: it upgrades, and has the client's address. The answer to an upgrade is empty; Bun ignores it.
   *
   * @throws EverwireError `misuse` if `server` is not Bun's server
   */
  readonly answer: (request: Request, server: BunServer) => Promise<Response> | undefined
  /**
   * The same for routes: `routes: { "/everwire/*": hub.fetch }`. A path that is not the hub's is answered with 404. It is bound
   * to the hub. Rejects with EverwireError `misuse` if its second argument is not Bun's server.
   */
  readonly fetch: (request: Request, server?: unknown) => Promise<Response>
  /**
   * What `Bun.serve` takes as `websocket`. A server has one such object. If the application has WebSockets of its own,
   * spread it and call its functions for sockets whose `data` you have not set: they ignore other sockets.
   */
  readonly websocket: BunWebSocketHandler
}

/**
 * Creates a hub for Bun, with all four transports. Types as those of `createHub` of `everwire/node`.
 *
 * @throws EverwireError `misuse` on an unknown transport or option, or an invalid path, origin or proxy
 * @example
 * const hub = createHub<Chat>()
 * Bun.serve({
 *   fetch: (request, server) => hub.answer(request, server) ?? new Response("the application"),
 *   websocket: hub.websocket,
 * })
 */
export function createHub<C extends Contract<C> = AnyContract, P extends Principal = Principal, D = unknown>(
  options: WebHubOptions<P> & ContractOption<HubContract<C>> = {},
): BunHub<C, P, D> {
  const hub = createUpgradingHub<C, P, D>(options)
  const entrance = entranceOf(hub)
  const { answer, fetch, websocket } = new BunDoor(entrance, new FetchDoor(entrance))
  return Object.assign(hub, { answer, fetch, websocket })
}
