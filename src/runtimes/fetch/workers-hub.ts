import type { AnyContract, Contract } from "../../messaging/contract.ts"
import type { ContractOption, HubContract } from "../../messaging/schema-contract.ts"
import { createUpgradingHub, type WebHubOptions } from "../../server/create-hub.ts"
import { entranceOf, type Hub } from "../../server/hub.ts"
import type { Principal } from "../../server/peer.ts"
import { EverwireError } from "../../wire/errors.ts"
import { FetchDoor } from "./fetch-door.ts"
import { WorkersDoor } from "./workers-door.ts"

/** A hub in a Durable Object. */
export interface WorkersHub<C extends Contract<C> = AnyContract, P extends Principal = Principal, D = unknown>
  extends Hub<C, P, D> {
  /**
   * Answers a request for the hub, over HTTP or by upgrading it to a WebSocket. Undefined if its path is not below
   * `hub.path`: then the Durable Object answers itself. Ask before anything else reads the body.
   */
  readonly answer: (request: Request) => Promise<Response> | undefined
  /** The same for a Durable Object that has nothing else. A path that is not the hub's is answered with 404. */
  readonly fetch: (request: Request, address?: unknown) => Promise<Response>
}

/** The member of a Durable Object's state by which it is recognized. The context of a plain worker has none. */
export interface DurableObjectContext {
  blockConcurrencyWhile(run: () => Promise<unknown>): unknown
}

const NOT_DURABLE =
  "the first argument is the state of a Durable Object, and only a Durable Object can be a hub: a plain worker may not write " +
  "to one request's connection while it handles another. Write class Chat extends DurableObject { hub = createHub(this.ctx) }, and " +
  "pass the hub's requests to it"

/**
 * Creates a hub in a Durable Object, with all four transports. `state` is the first argument of its constructor. Types as
 * those of `createHub` of `everwire/node`. The client's address is the one that Cloudflare tells (`CF-Connecting-IP`).
 *
 * The sessions are in the memory of the Durable Object. It stays there while a WebSocket, a stream or a poll is open: the
 * hub does not hibernate. When Cloudflare restarts it (a deploy, a failure), its sessions end, and the channels are told.
 *
 * @throws EverwireError `misuse` if `state` is not of a Durable Object; on an unknown transport or option, or an invalid
 * path, origin or proxy
 * @example
 * export class Chat extends DurableObject {
 *   hub = createHub<Messages>(this.ctx)
 *   fetch = this.hub.fetch
 * }
 */
export function createHub<C extends Contract<C> = AnyContract, P extends Principal = Principal, D = unknown>(
  state: DurableObjectContext,
  options: WebHubOptions<P> & ContractOption<HubContract<C>> = {},
): WorkersHub<C, P, D> {
  const { blockConcurrencyWhile } = Object(state) as Partial<DurableObjectContext>
  if (typeof blockConcurrencyWhile !== "function") throw new EverwireError("misuse", NOT_DURABLE)
  const hub = createUpgradingHub<C, P, D>(options)
  const entrance = entranceOf(hub)
  const { answer, fetch } = new WorkersDoor(entrance, new FetchDoor(entrance))
  return Object.assign(hub, { answer, fetch })
}
