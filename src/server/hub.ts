import type { AnyContract, Contract, DataOf, HandlerOf, NameOf, Said } from "../messaging/contract.ts"
import type { MessageHandler, RequestHandler } from "../messaging/handlers.ts"
import type { Known } from "../messaging/option-names.ts"
import type { ContractOption, HubContract } from "../messaging/schema-contract.ts"
import type { SendOptions } from "../messaging/send-options.ts"
import type { SubscribeOptions, Unsubscribe } from "../messaging/subscription.ts"
import type { Acceptor, HttpExchange } from "../transports/transport.ts"
import type { Closing } from "../wire/errors.ts"
import type { Refusal } from "./admission/refusals.ts"
import type { Arrival } from "./admission/trust-proxy.ts"
import type { Entrance, UpgradeVerdict } from "./http/entrance.ts"
import { createParts, type HubParts } from "./hub-parts.ts"
import type { HubObserver } from "./observer.ts"
import { checkOptions, type HubOptions } from "./options.ts"
import type { Peer, PeerDescription, Principal } from "./peer.ts"
import type { HubErrorContext, PeerBeginning } from "./reports.ts"
import { type Audience, RoomsEverywhere } from "./rooms/audience.ts"
import { broadcast } from "./rooms/broadcast.ts"
import { everywhere } from "./rooms/everywhere.ts"
import { type LocalHub, localHub } from "./rooms/local-hub.ts"
import { checkRooms } from "./rooms/rooms.ts"
import { type DisconnectOptions, disconnectTask, selectionOf, type Who } from "./rooms/selection.ts"
import { disconnect } from "./sessions/disconnect.ts"
import type { HubPeer } from "./sessions/hub-peer.ts"
import { readSettings } from "./settings.ts"
import { type HubStats, statsOf } from "./stats.ts"

const NOBODY: readonly never[] = []

/** Returns the entrance of a hub. Only the servers of runtimes use it. */
export let entranceOf: <C extends Contract<C>, P extends Principal, D>(hub: Hub<C, P, D>) => Entrance

/**
 * The server. It has one {@link Peer} for each channel, on every transport. `P` is what `authenticate` returns, and the
 * type of `peer.principal`. `D` is the type of `peer.data`, which the application sets.
 */
export class Hub<C extends Contract<C> = AnyContract, P extends Principal = Principal, D = unknown> {
  /** Random id of this hub, in every welcome and HTTP answer. */
  readonly id: string
  readonly path: string
  /** The hub as far as it is in this process: see {@link LocalHub}. */
  readonly local: LocalHub<C, P, D>
  readonly #parts: HubParts

  static {
    entranceOf = (hub) => hub.#parts.entrance
  }

  /**
   * @param own Options that this kind of hub has in addition to those of all hubs.
   * @param observers Observers of this kind of hub, in addition to that of the options.
   */
  constructor(
    options: HubOptions<P> & ContractOption<HubContract<C>>,
    acceptors: readonly Acceptor[],
    own: Known = {},
    observers: readonly HubObserver[] = [],
  ) {
    checkOptions(options, own)
    const { observer } = options
    this.#parts = createParts(readSettings(options), acceptors, observer ? [observer, ...observers] : observers)
    this.id = this.#parts.hub
    this.path = this.#parts.settings.path
    this.local = localHub(this.#parts.tasks)
  }

  /** All peers of this process by their id, one for each session, with or without a link now. */
  get peers(): ReadonlyMap<string, Peer<C, P, D>> {
    return new Map(Array.from(this.#parts.registry.all(), ({ peer }) => [peer.id, peer]))
  }

  /** What the hub keeps now, and what it has refused and ended. Goes over all sessions, so call it rarely. */
  stats(): HubStats {
    return statsOf(this.#parts)
  }

  /**
   * Calls back for every new session, before any input of it is handled. What the listener sends is sent first.
   * Handlers that it sets receive everything; an async listener must set them before its first `await`. With a `cluster`
   * also for every session that another process hands over: then `how.moved` is true.
   */
  onPeer(listener: (peer: Peer<C, P, D>, how: PeerBeginning) => void, options?: SubscribeOptions): Unsubscribe {
    return this.#parts.reports.on("peer", listener as (peer: Peer, how: PeerBeginning) => void, options) // contracts exist only as types
  }

  /**
   * Receives errors that the application's functions threw or rejected with, and faults of the hub. Without a listener,
   * and if a listener throws, the error goes to the runtime: on Node to `console.error`. In a second at most ten errors
   * of each kind do; the others are counted.
   */
  onError(listener: (error: unknown, context: HubErrorContext) => void, options?: SubscribeOptions): Unsubscribe {
    return this.#parts.reports.on("error", listener, options)
  }

  /**
   * Receives what the hub refused: a foreign origin, wrong credentials, too many sessions, a body that is too large.
   * Without a listener, the first refusal of each code is logged as a warning.
   */
  onRefused(listener: (refusal: Refusal) => void, options?: SubscribeOptions): Unsubscribe {
    return this.#parts.reports.on("refused", listener, options)
  }

  /** Handles messages of all peers. An error that the handler throws or rejects with goes to `onError`. */
  on<N extends NameOf<C, "up">>(
    name: N,
    handler: (data: DataOf<C, "up", N>, peer: Peer<C, P, D>) => void,
    options?: SubscribeOptions,
  ): Unsubscribe {
    const off = this.#parts.handlers.on(name, handler as MessageHandler<HubPeer>, options) // as in `onPeer`
    const error = this.#parts.missed.late(name)
    if (error !== undefined) this.#parts.reports.failed(error, { stage: "message" })
    return off
  }

  /**
   * Answers requests of all peers. What it throws reaches the channel as `request-failed`, an EverwireError as it is.
   */
  handle<N extends NameOf<C, "requests">>(
    name: N,
    handler: HandlerOf<C, "requests", N, Peer<C, P, D>>,
    options?: SubscribeOptions,
  ): Unsubscribe {
    return this.#parts.handlers.handle(name, handler as RequestHandler<HubPeer>, options) // as in `onPeer`
  }

  /**
   * Sends a message to every peer; with a `cluster`, of every process. It is encoded once for all peers, or once for each codec in use. If one of those cannot
   * carry it, it is sent to nobody. Options: see {@link SendOptions}.
   */
  send<N extends NameOf<C, "down">>(name: N, ...data: Said<DataOf<C, "down", N>>): void
  send(name: string, data?: unknown, options?: SendOptions): void {
    broadcast(this.#parts.tasks, this.#parts.cluster?.peers, undefined, NOBODY, name, data, options)
  }

  /**
   * The peers in at least one of these rooms, each once; with a `cluster`, of every process.
   *
   * @throws EverwireError `misuse` if a room is not a string
   */
  to(...rooms: readonly string[]): Audience<C, P, D> {
    return new RoomsEverywhere(this.#parts.tasks, this.#parts.cluster?.peers, checkRooms(rooms))
  }

  /**
   * Describes the peers in at least one of these rooms, each once; with a `cluster`, of every process. For what can be asked
   * of the peers of this process alone, see `hub.local.peersIn`.
   *
   * @throws EverwireError `misuse` if a room is not a string; as a rejection `backplane-unavailable` if a process did not
   * answer in 5 seconds: `error.data` has what the others answered
   */
  async peersIn(...rooms: readonly string[]): Promise<readonly PeerDescription<P>[]> {
    const selection = { rooms: checkRooms(rooms), except: [] }
    const { peers } = await everywhere(this.#parts.tasks, this.#parts.cluster?.peers, selection, { what: "describe" })
    return peers as readonly PeerDescription<P>[] // every hub of a cluster has the same `authenticate`
  }

  /**
   * Ends the sessions of some peers, with a link or without one: `{ principal: "u7" }`, `{ peer: peer.id }` or a function
   * of a peer. Resolves with how many. Their channels are closed; with `mayReturn` each asks its `auth` again and begins a new
   * session. It keeps nobody out: let `authenticate` refuse the principal first.
   *
   * With a `cluster` it concerns the peers of every process. Those of this one are closed when the call returns. A function
   * cannot be told to other processes: give it to `hub.local.disconnect`.
   *
   * @throws EverwireError `misuse` on anything else, and what the function throws: then no peer is closed. As a rejection
   * `backplane-unavailable` if a process did not answer in 5 seconds.
   */
  disconnect(who: Who<Peer<C, P, D>>, options?: DisconnectOptions): Promise<number> {
    if (this.#parts.cluster === undefined) return Promise.resolve(disconnect(this.#parts.registry.all(), who, options))
    const asked = everywhere(this.#parts.tasks, this.#parts.cluster.peers, selectionOf(who), disconnectTask(options))
    return asked.then(({ count }) => count)
  }

  /**
   * Answers a request (Fetch standard) for SSE, long-poll and short-poll, on any runtime; other paths with 404. It is
   * bound to the hub: `Deno.serve(hub.fetch)`, `export default { fetch: hub.fetch }`. `address` is the client's, for
   * the limits per address. A second argument that is not a string, as runtimes pass it, is ignored.
   */
  readonly fetch = (request: Request, address?: unknown): Promise<Response> =>
    this.#parts.entrance.fetch(request, address)

  /**
   * For servers: answers an exchange. Returns whether its path is the hub's. `mounted` allows a prefix before the path.
   * If `why` is given, every exchange is refused with it.
   */
  exchange(exchange: HttpExchange, mounted = false, why?: Closing): boolean {
    return this.#parts.entrance.exchange(exchange, mounted, why)
  }

  /**
   * For servers: decides about an upgrade. Undefined if its path is not the hub's. The server must agree to the
   * subprotocol `everwire` if it was offered, and to no other: the one after it may be the hello, which contains the
   * session's key. Pass the headers with the origin. `trustProxy` and reports need `address` and `isSecure`.
   */
  upgrade(pathname: string, request: Arrival, mounted = false): UpgradeVerdict | undefined {
    return this.#parts.entrance.upgrade(pathname, request, mounted)
  }

  /**
   * Ends every session and begins no other. Channels are told to dial again, which finds the next process of a deploy.
   *
   * With `drainMs` (milliseconds, default 0) sessions end when nothing is open in them, at the latest after that time.
   * Peers get their last call one after another, 1 ms apart, all within the first half of the time. Until its last
   * call, a peer is served as before. After it, no new request is begun (`hub-closing`), except those that an open one
   * needs. The peer is closed when all requests of both sides are answered and all packets sent before have arrived. A
   * channel that loses its link meanwhile may come back. If `close` is called again, the shorter time holds.
   *
   * @throws EverwireError (as a rejection) `misuse` if `drainMs` is not a number from 0 on; the hub stays open.
   */
  async close(options: { drainMs?: number | undefined } = {}): Promise<void> {
    await this.#parts.shutdown.close(options, this.#parts)
  }
}
