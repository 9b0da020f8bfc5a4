import type { AnyContract, Contract, DataOf, HandlerOf, NameOf, Said } from "../messaging/contract.ts"
import { MessageEncoder } from "../messaging/dispatch.ts"
import type { MessageHandler, RequestContext, RequestHandler } from "../messaging/handlers.ts"
import { checkNames, type Known } from "../messaging/option-names.ts"
import type { SubscribeOptions, Unsubscribe } from "../messaging/subscription.ts"
import { callSafely } from "../session/call-safely.ts"
import type { Clockwork } from "../session/clockwork.ts"
import type { Acceptor, HttpExchange, OpenAcceptor } from "../transports/transport.ts"
import { type Closing, closing } from "../wire/errors.ts"
import type { AdmissionHost } from "./admission/admission-host.ts"
import { openAcceptors } from "./admission/door.ts"
import { Judges } from "./admission/judges.ts"
import type { Refusal } from "./admission/refusals.ts"
import { Sites } from "./admission/sites.ts"
import type { Arrival } from "./admission/trust-proxy.ts"
import { Unwelcomed } from "./admission/unwelcomed.ts"
import { Entrance, type UpgradeVerdict } from "./http/entrance.ts"
import { FanOut } from "./limits/fan-out.ts"
import { Slices } from "./limits/slices.ts"
import { checkOptions, type HubOptions } from "./options.ts"
import type { Peer, Principal } from "./peer.ts"
import { type HubErrorContext, Reports } from "./reports.ts"
import { type Audience, audienceOf } from "./rooms/audience.ts"
import { checkRoom, Rooms } from "./rooms/rooms.ts"
import { CountedHandlers } from "./sessions/counted-handlers.ts"
import { checkDrainMs, Drain, RETRY_AFTER_MS } from "./sessions/drain.ts"
import { createEnded } from "./sessions/ended-session.ts"
import type { HubPeer } from "./sessions/hub-peer.ts"
import type { HubSessionHost } from "./sessions/hub-session.ts"
import { KeptBytes } from "./sessions/kept-bytes.ts"
import { MissedNames } from "./sessions/missed-names.ts"
import { Registry } from "./sessions/registry.ts"
import { windowMs } from "./sessions/resume-window.ts"
import { LastJoined, Log } from "./sessions/shared-outbox.ts"
import { Wheel } from "./sessions/wheel.ts"
import { type HubSettings, readSettings } from "./settings.ts"
import { Counts, type HubStats } from "./stats.ts"

/** So many names that nothing handles are remembered. */
const MAX_MISSED_NAMES = 256

/** A hub's entrance, for the doors of runtimes alone. */
export let entranceOf: <C extends Contract<C>, P extends Principal, D>(hub: Hub<C, P, D>) => Entrance

/**
 * The server: one {@link Peer} per channel, whichever wire each of them uses. `P` is what `authenticate` returns, and
 * what `peer.principal` is. `D` is what the application keeps in `peer.data`.
 */
export class Hub<C extends Contract<C> = AnyContract, P extends Principal = Principal, D = unknown> {
  /** Id of this hub process, in every welcome and answer. */
  readonly id: string
  readonly path: string
  readonly #settings: HubSettings
  readonly #clockwork: Clockwork
  readonly #reports: Reports
  readonly #registry: Registry
  /** What is kept for all sessions. */
  readonly #kept: KeptBytes
  /** What was said to all. */
  readonly #log = new Log()
  readonly #rooms = new Rooms<HubPeer>()
  readonly #handlers = new CountedHandlers((error) => this.#reports.failed(error, { stage: "listener" }))
  readonly #encoder: MessageEncoder
  readonly #unwelcomed: Unwelcomed
  readonly #judges: Judges
  readonly #acceptors: ReadonlyMap<string, OpenAcceptor>
  readonly #entrance: Entrance
  readonly #endedCounts = new Counts()
  readonly #missed = new MissedNames(MAX_MISSED_NAMES)
  /** Set when `close` was called: what everybody who says hello is told. */
  #closing: Closing | undefined
  #drain: Drain | undefined

  static {
    entranceOf = (hub) => hub.#entrance
  }

  /** @param own Names of options that this kind of hub has beside those of all hubs. */
  constructor(options: HubOptions<P>, acceptors: readonly Acceptor[], own: Known = {}) {
    checkOptions(options, own)
    const settings = readSettings(options)
    const { runtime, limits, countsPrivate } = settings
    const clockwork = new Wheel(runtime, settings.slack, (error) => this.#reports.hubFailed(error))
    const sites = new Sites(clockwork, countsPrivate)
    this.#settings = settings
    this.#clockwork = clockwork
    this.id = runtime.id()
    this.path = settings.path
    this.#reports = new Reports(clockwork)
    this.#registry = new Registry(clockwork, limits, sites.names)
    this.#unwelcomed = new Unwelcomed(limits.maxUnwelcomedLinks, limits.maxUnwelcomedLinksPerAddress)
    this.#judges = new Judges(clockwork, limits.maxAuthentications, limits.maxAuthenticationsPerSecond)
    this.#encoder = new MessageEncoder(settings.maxPayloadBytes)
    this.#kept = new KeptBytes(limits.maxKeptBytes, () => this.#registry.all())
    const host: AdmissionHost = { ...this.#sessionHost(), ...this.#admissionHost(sites) }
    this.#acceptors = openAcceptors(acceptors, settings, host, this.#unwelcomed, this.#reports)
    this.#entrance = new Entrance({
      hub: this.id,
      settings,
      clockwork,
      sites,
      reports: this.#reports,
      acceptors: this.#acceptors,
      closing: () => this.#closing,
      sessions: () => this.#registry.size,
    })
  }

  /** Peers by id of every session, with or without a link at this moment. */
  get peers(): ReadonlyMap<string, Peer<C, P, D>> {
    return new Map(Array.from(this.#registry.all(), ({ peer }) => [peer.id, peer]))
  }

  /**
   * What the hub keeps at this moment, and what it has refused and ended. Goes over all sessions: made for once in some
   * seconds.
   */
  stats(): HubStats {
    return {
      sessions: this.#registry.size,
      unwelcomedLinks: this.#unwelcomed.size,
      authenticating: this.#judges.size,
      keptBytes: this.#kept.total(),
      refused: this.#reports.refusedTally,
      ended: this.#endedCounts.tally,
    }
  }

  /**
   * Calls back for every new session, before anything of it is heard. What is sent here goes first. Handlers that are set
   * here, before the first `await` of an async listener, hear everything.
   */
  onPeer(listener: (peer: Peer<C, P, D>) => void, options?: SubscribeOptions): Unsubscribe {
    return this.#reports.on("peer", listener as (peer: Peer) => void, options) // the contract is the application's word
  }

  /**
   * Hears what the application's own functions threw or rejected with, and faults of the hub. Without a listener it is
   * reported to the runtime, as is what a listener itself throws: on Node, `console.error`. Of each kind, ten a second are;
   * the others are counted.
   */
  onError(listener: (error: unknown, context: HubErrorContext) => void, options?: SubscribeOptions): Unsubscribe {
    return this.#reports.on("error", listener, options)
  }

  /**
   * Hears whom the hub did not let in and what it did not take: a foreign origin, credentials, too many sessions, too large
   * a body. Without a listener the first refusal of each code is reported as a warning.
   */
  onRefused(listener: (refusal: Refusal) => void, options?: SubscribeOptions): Unsubscribe {
    return this.#reports.on("refused", listener, options)
  }

  /** Hears messages of all peers. What the handler throws, or rejects with if it is async, reaches `onError`. */
  on<N extends NameOf<C, "up">>(
    name: N,
    handler: (data: DataOf<C, "up", N>, peer: Peer<C, P, D>) => void,
    options?: SubscribeOptions,
  ): Unsubscribe {
    const off = this.#handlers.on(name, handler as MessageHandler<HubPeer>, options) // the contract is the application's word
    const error = this.#missed.late(name)
    if (error !== undefined) this.#reports.failed(error, { stage: "message" })
    return off
  }

  /** Answers requests of all peers. What it throws reaches the channel as `request-failed`, an EverwireError as itself. */
  handle<N extends NameOf<C, "requests">>(
    name: N,
    handler: HandlerOf<C, "requests", N, Peer<C, P, D>, RequestContext>,
    options?: SubscribeOptions,
  ): Unsubscribe {
    return this.#handlers.handle(name, handler as RequestHandler<HubPeer>, options) // the contract is the application's word
  }

  /** Sends to every peer. Encoded once for all. */
  send<N extends NameOf<C, "down">>(name: N, ...data: Said<DataOf<C, "down", N>>): void
  send(name: string, data?: unknown): void {
    const packet = this.#encoder.encode(name, data)
    const list = this.#log.append(packet)
    this.#kept.grow(list.costOf(packet))
    const place = list.held.length - 1 // whoever is told that a session ends in here may send more
    // No copy is needed: sessions end in here at most, and none begins.
    for (const hubSession of this.#registry.all()) hubSession.tell(packet, list, place)
  }

  /** The peers in any of these rooms; each once. @throws EverwireError `misuse` on a room that is no string. */
  to(...rooms: readonly string[]): Audience<C, P, D> {
    for (const room of rooms) checkRoom(room)
    return audienceOf<C, P, D>({ rooms: this.#rooms, kept: this.#kept, encoder: this.#encoder }, rooms)
  }

  /**
   * Answers a request of the web (Fetch standard): SSE, long-poll and short-poll in any runtime. 404 for other paths. May
   * be handed over by itself: `Deno.serve(hub.fetch)`, `export default { fetch: hub.fetch }`. `address` is the client's,
   * for the cap of sessions per address; what runtimes give in its place, which is no string, is ignored.
   */
  readonly fetch = (request: Request, address?: unknown): Promise<Response> => this.#entrance.fetch(request, address)

  /**
   * For servers: answers an exchange, and says whether its path was the hub's. `mounted` allows a prefix; with `why`
   * the answer refuses whatever is asked.
   */
  exchange(exchange: HttpExchange, mounted = false, why?: Closing): boolean {
    return this.#entrance.exchange(exchange, mounted, why)
  }

  /**
   * For servers: judges an upgrade. Undefined when its path is not the hub's. Whoever answers the upgrade agrees to the
   * subprotocol `everwire` where that was offered, and to no other: the one behind it may be the hello, with its key. The
   * headers are given with the origin. `trustProxy` and the report of refusals need the request's `address` and `isSecure`.
   */
  upgrade(pathname: string, request: Arrival, mounted = false): UpgradeVerdict | undefined {
    return this.#entrance.upgrade(pathname, request, mounted)
  }

  /**
   * Ends every session and begins no other. Channels are told to dial again, which finds the next process of a deploy.
   *
   * With `drainMs` (in milliseconds, default 0), that is done no sooner than there is need, and after so long at the
   * latest. One peer after the other gets its moment, 1 ms apart, all in the first half of the time. Until then all goes on
   * as before. From then on no request is begun with that peer (`hub-closing`), but what an open one needs; and the peer
   * is let go as soon as all requests of both sides are answered and what was said before has arrived. Whoever loses its
   * link meanwhile may come back. Called again, it takes the shorter time.
   *
   * @throws EverwireError (as a rejection) `misuse` on a `drainMs` that is no number from 0 on; the hub goes on.
   */
  async close(options: { drainMs?: number | undefined } = {}): Promise<void> {
    checkNames(options, { drainMs: "" }, "close")
    const { drainMs = 0 } = options
    checkDrainMs(drainMs)
    this.#closing ??= closing("hub-closing", "the hub is shutting down", true, RETRY_AFTER_MS)
    const closed = this.#entrance.close()
    this.#drain?.hasten(drainMs)
    this.#drain ??= new Drain(this.#settings.runtime, this.#registry.all(), drainMs, this.#closing)
    // Without time to wait, all is closed when this call returns.
    if (!this.#drain.isOver) await this.#drain.done
    this.#unwelcomed.refuseAll(this.#closing)
    const { hubFailed } = this.#reports
    for (const acceptor of this.#acceptors.values()) callSafely(() => acceptor.close?.(), hubFailed)
    this.#registry.close()
    this.#reports.close()
    this.#handlers.close()
    closed()
  }

  /** What its sessions are lent. */
  #sessionHost(): HubSessionHost {
    const { runtime, session, maxPayloadBytes, costs, limits, resumeMs } = this.#settings
    const reports = this.#reports
    return {
      runtime,
      clockwork: this.#clockwork,
      hub: this.id,
      rooms: this.#rooms,
      handlers: [this.#handlers],
      encoder: this.#encoder,
      kept: this.#kept,
      fanOut: new FanOut(limits.maxFanOutPerSecond),
      missed: this.#missed,
      maxPayloadBytes,
      costs,
      maxRequestBytes: limits.maxRequestBytes,
      maxDepth: limits.maxDepth,
      settings: session,
      joined: new LastJoined(),
      ended: createEnded(this.#clockwork, session),
      refused: (refusal) => reports.refused(refusal),
      failed: (error, stage, peer) => reports.failed(error, { stage, peer }),
      progressed: (hubSession) => this.#drain?.progressed(hubSession),
      windowMs: (hubSession, mayReturn) => windowMs(hubSession, mayReturn, resumeMs),
      forget: (hubSession, why) => {
        this.#endedCounts.add(why.code)
        this.#registry.remove(hubSession)
        if (this.#closing === undefined) this.#registry.remember(hubSession, why, resumeMs)
        this.#drain?.progressed(hubSession)
      },
    }
  }

  /** What links are lent on their way in. */
  #admissionHost(sites: Sites): Omit<AdmissionHost, keyof HubSessionHost> {
    const { authenticate, resumeMs, maxBatchBytes } = this.#settings
    const reports = this.#reports
    return {
      startedAt: this.#clockwork.now(),
      registry: this.#registry,
      directory: this.#registry,
      authenticate,
      resumeMs,
      maxLinkBytes: 2 * maxBatchBytes,
      slices: new Slices(this.#clockwork, reports.hubFailed),
      sites,
      judges: this.#judges,
      closing: () => this.#closing,
      began: ({ peer }) => reports.began(peer),
      report: reports.hubFailed,
    }
  }
}
