import type { AnyContract, Contract, DataOf, HandlerOf, NameOf, Said } from "../messaging/contract.ts"
import {
  encodeMessage,
  type MessageHandler,
  type RequestContext,
  type RequestHandler,
  type Stage,
  type Unsubscribe,
} from "../messaging/dispatch.ts"
import { checkNames, type Known } from "../messaging/option-names.ts"
import { hubRuntime } from "../runtimes/hub-runtime.ts"
import { callSafely } from "../session/call-safely.ts"
import type { Clockwork } from "../session/clockwork.ts"
import { guardLink } from "../session/guard-link.ts"
import type { Link, LinkSink } from "../session/link.ts"
import type { Runtime } from "../session/runtime.ts"
import type { SessionSettings } from "../session/session.ts"
import type { Acceptor, Door, HttpExchange, LinkOrigin, OpenAcceptor, ServerSocket } from "../transports/transport.ts"
import { isWide, type Packet } from "../wire/batch.ts"
import * as defaults from "../wire/defaults.ts"
import { type Closing, closing, EverwireError } from "../wire/errors.ts"
import { isPrivate } from "./admission/address.ts"
import { type AdmissionHost, Gate, hearLeave, Unwelcomed } from "./admission/admission.ts"
import { Judges } from "./admission/judges.ts"
import { checkOrigin, type OriginPolicy, readPolicy } from "./admission/origin-check.ts"
import { type Refusal, RefusalReport } from "./admission/refusals.ts"
import { Sites } from "./admission/sites.ts"
import { type Arrival, askedOf, readTrust, type Trust } from "./admission/trust-proxy.ts"
import { answerExchange, type Routes, readPath, routeOf, tellOnce } from "./http/router.ts"
import { createWebExchange } from "./http/web-exchange.ts"
import { Lifecycle } from "./lifecycle.ts"
import { type Costs, costsOf, rateLimited, spent, waitMs } from "./limits/allowance.ts"
import { ErrorReport } from "./limits/error-report.ts"
import { Slices } from "./limits/slices.ts"
import { readWorkLimits } from "./limits/work-limits.ts"
import { checkOptions, type HubOptions } from "./options.ts"
import { Peer, type Principal } from "./peer.ts"
import { checkRoom, Rooms } from "./rooms/rooms.ts"
import { CountedHandlers } from "./sessions/counted-handlers.ts"
import { Drain } from "./sessions/drain.ts"
import { createEnded, type Entry } from "./sessions/hub-session.ts"
import { KeptBytes } from "./sessions/kept-bytes.ts"
import { MissedNames } from "./sessions/missed-names.ts"
import { type Limits, Registry } from "./sessions/registry.ts"
import { Log, PacketList } from "./sessions/shared-outbox.ts"
import { Wheel } from "./sessions/wheel.ts"
import { Counts, type HubStats } from "./stats.ts"
import { isBuiltIn } from "./transports.ts"

/** How late the hub's alarms may ring, as a part of their delay, so that those of many peers ring together. */
const SLACK = 1 / 16

/** So many names that nothing handles are remembered. */
const MAX_MISSED_NAMES = 256

/** A channel that must go is asked to wait so long at most before it dials again. */
const RETRY_AFTER_MS = 1_000

/** Where an error came from, for `onError`. */
export interface HubErrorContext {
  readonly stage: Stage | "hub"
  readonly peer?: Peer
}

interface HubEvents {
  peer: [peer: Peer]
  error: [error: unknown, context: HubErrorContext]
  refused: [refusal: Refusal]
}

/** Some of the hub's peers, chosen by room. */
export interface Audience<C extends Contract<C> = AnyContract, P extends Principal = Principal> {
  /** Leaves out a peer, or everybody in a room. */
  except(...who: readonly (Peer<C, P> | string)[]): Audience<C, P>
  /** Sends to each of them once. Encoded once for all. */
  send<N extends NameOf<C, "down">>(name: N, ...data: Said<DataOf<C, "down", N>>): void
}

/**
 * The server: one {@link Peer} per channel, whichever wire each of them uses. `P` is what `authenticate` returns, and
 * what `peer.principal` is.
 */
export class Hub<C extends Contract<C> = AnyContract, P extends Principal = Principal> {
  /** Id of this hub process, in every welcome and answer. */
  readonly id: string
  readonly path: string
  /** For the doors of a server: what rings the deadlines of its exchanges. */
  protected readonly clockwork: Clockwork
  readonly #runtime: Runtime
  readonly #policy: OriginPolicy
  readonly #trust: Trust | undefined
  /** Whether nobody has said if there is a proxy in front, and none has shown. */
  #isProxyUnknown: boolean
  readonly #refusals: RefusalReport
  readonly #errors: ErrorReport
  readonly #maxPayloadBytes: number
  readonly #takeMs: number
  readonly #registry: Registry
  /** What is kept for all sessions. */
  readonly #kept: KeptBytes
  readonly #costs: Costs
  readonly #sites: Sites
  /** What was said to all. */
  readonly #log = new Log()
  readonly #rooms = new Rooms<Peer>()
  readonly #handlers = new CountedHandlers()
  readonly #lifecycle = new Lifecycle<HubEvents>()
  readonly #acceptors: ReadonlyMap<string, OpenAcceptor>
  readonly #routes: Routes
  readonly #admission: AdmissionHost
  readonly #unwelcomed: Unwelcomed
  readonly #judges: Judges
  readonly #refusedCounts = new Counts()
  readonly #endedCounts = new Counts()
  readonly #missed = new MissedNames(MAX_MISSED_NAMES)
  /** Set when `close` was called: what everybody who says hello is told. */
  #closing: Closing | undefined
  #drain: Drain | undefined

  /** @param own Names of options that this kind of hub has beside those of all hubs. */
  constructor(options: HubOptions<P>, acceptors: readonly Acceptor[], own: Known = {}) {
    checkOptions(options, own)
    const runtime = options.runtime ?? hubRuntime
    this.#runtime = runtime
    this.id = runtime.id()
    this.path = readPath(options.path ?? "/everwire") ?? "" // checked above
    this.#policy = readPolicy(options.origins, options.allowCookiesWithoutOrigin, options.hosts)
    this.#trust = readTrust(options.trustProxy ?? false, (error) => this.#failed(error, { stage: "hub" }))
    this.#isProxyUnknown = options.trustProxy === undefined
    this.#refusals = new RefusalReport((message) => this.#warn(message))
    this.#maxPayloadBytes = options.maxPayloadBytes ?? defaults.MAX_PAYLOAD_BYTES
    this.#takeMs = options.takeMs ?? defaults.TAKE_DEADLINE_MS
    const given = options.limits ?? {}
    const limits: Limits = {
      maxSessions: given.maxSessions ?? defaults.MAX_SESSIONS,
      maxSessionsPerAddress: given.maxSessionsPerAddress ?? defaults.MAX_SESSIONS_PER_ADDRESS,
      maxUnwelcomedLinks: given.maxUnwelcomedLinks ?? defaults.MAX_UNWELCOMED_LINKS,
      maxUnwelcomedLinksPerAddress: given.maxUnwelcomedLinksPerAddress ?? defaults.MAX_UNWELCOMED_LINKS_PER_ADDRESS,
      maxKeptBytes: given.maxKeptBytes ?? defaults.MAX_KEPT_BYTES,
      ...readWorkLimits(given),
    }
    // Whoever brings a clock of his own, as tests do, is kept to it exactly.
    const clockwork = new Wheel(runtime, options.runtime === undefined ? SLACK : 0, this.#hubFailed)
    this.clockwork = clockwork
    this.#errors = new ErrorReport(clockwork, this.#reportNow, (message) => this.#warn(message))
    const countsPrivate = given.maxSessionsPerAddress !== undefined
    this.#registry = new Registry(clockwork, limits, countsPrivate)
    this.#unwelcomed = new Unwelcomed(limits.maxUnwelcomedLinks, limits.maxUnwelcomedLinksPerAddress)
    this.#judges = new Judges(clockwork, limits.maxAuthentications, limits.maxAuthenticationsPerSecond)
    this.#kept = new KeptBytes(limits.maxKeptBytes, () => this.#registry.all())
    this.#costs = costsOf(limits)
    this.#sites = new Sites(clockwork, countsPrivate)
    const resumeMs = options.resumeMs ?? defaults.RESUME_WINDOW_MS
    const settings: SessionSettings = {
      ...defaults.HUB_ACK,
      speakMs: options.speakMs ?? defaults.SPEAK_MS,
      patienceMs: options.patienceMs ?? defaults.PATIENCE_MS,
      maxOutboxBytes: options.maxOutboxBytes ?? defaults.MAX_OUTBOX_BYTES,
      maxPacketBytes: this.#maxPayloadBytes + defaults.MAX_HEADER_BYTES,
      features: options.features,
    }
    this.#admission = {
      runtime,
      clockwork,
      hub: this.id,
      startedAt: clockwork.now(),
      rooms: this.#rooms,
      handlers: [this.#handlers],
      registry: this.#registry,
      authenticate: options.authenticate,
      resumeMs,
      kept: this.#kept,
      maxPayloadBytes: this.#maxPayloadBytes,
      slices: new Slices(clockwork, this.#hubFailed),
      sites: this.#sites,
      judges: this.#judges,
      costs: this.#costs,
      maxRequestBytes: limits.maxRequestBytes,
      maxDepth: limits.maxDepth,
      maxLinkBytes: 2 * maxBatchBytes(this.#maxPayloadBytes),
      settings,
      ended: createEnded(clockwork, settings),
      closing: () => this.#closing,
      refused: (refusal) => this.#refused(refusal),
      began: (entry) => this.#began(entry),
      progressed: (entry) => this.#drain?.progressed(entry),
      windowMs: (entry, mayReturn) => this.#windowMs(entry, mayReturn, resumeMs),
      forget: (entry, why) => {
        this.#endedCounts.add(why.code)
        this.#registry.remove(entry)
        if (this.#closing === undefined) this.#registry.remember(entry, why, resumeMs)
        this.#drain?.progressed(entry)
      },
      failed: (error, stage, peer) => this.#failed(error, { stage, peer }),
      missed: this.#missed,
      report: this.#hubFailed,
    }
    const door: Door = {
      runtime,
      clockwork,
      hub: this.id,
      maxBatchBytes: maxBatchBytes(this.#maxPayloadBytes),
      holdMs: options.holdMs ?? defaults.HOLD_MS,
      admit: (link, origin) => {
        this.#lookForProxy(origin)
        return new Gate(this.#admission, this.#unwelcomed, link, origin)
      },
      leave: (bye) => hearLeave(this.#admission, bye),
    }
    const guardedDoor: Door = { ...door, admit: (link, origin) => this.#admitGuarded(link, origin) }
    this.#acceptors = new Map(
      acceptors.map((acceptor) => [acceptor.name, acceptor.open(isBuiltIn(acceptor) ? door : guardedDoor)]),
    )
    this.#routes = {
      hub: this.id,
      policy: this.#policy,
      trust: this.#trust,
      refused: (refusal) => this.#refused(refusal),
      acceptors: this.#acceptors,
      exchanged: (address) => this.#exchanged(address),
      told: new Set(),
      report: this.#hubFailed,
    }
  }

  /** Peers by id of every session, with or without a link at this moment. */
  get peers(): ReadonlyMap<string, Peer<C, P>> {
    // Peer<C, P> is Peer at run time: the contract is the application's word.
    return new Map(Array.from(this.#registry.all(), ({ peer }) => [peer.id, peer as unknown as Peer<C, P>]))
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
      refused: this.#refusedCounts.tally,
      ended: this.#endedCounts.tally,
    }
  }

  /**
   * Calls back for every new session, before anything of it is heard. What is sent here goes first. Handlers that are set
   * here, before the first `await` of an async listener, hear everything.
   */
  onPeer(listener: (peer: Peer<C, P>) => void): Unsubscribe {
    return this.#lifecycle.on("peer", listener as unknown as (peer: Peer) => void) // as in `peers`
  }

  /**
   * Hears what the application's own functions threw or rejected with, and faults of the hub. Without a listener it is
   * reported to the runtime, as is what a listener itself throws: on Node, `console.error`. Of each kind, ten a second are;
   * the others are counted.
   */
  onError(listener: (error: unknown, context: HubErrorContext) => void): Unsubscribe {
    return this.#lifecycle.on("error", listener)
  }

  /**
   * Hears whom the hub did not let in and what it did not take: a foreign origin, credentials, too many sessions, too large
   * a body. Without a listener the first refusal of each code is reported as a warning.
   */
  onRefused(listener: (refusal: Refusal) => void): Unsubscribe {
    return this.#lifecycle.on("refused", listener)
  }

  /** Hears messages of all peers. What the handler throws, or rejects with if it is async, reaches `onError`. */
  on<N extends NameOf<C, "up">>(name: N, handler: (data: DataOf<C, "up", N>, peer: Peer<C, P>) => void): Unsubscribe {
    const off = this.#handlers.on(name, handler as unknown as MessageHandler<Peer>) // as in `peers`
    const error = this.#missed.late(name)
    if (error !== undefined) this.#failed(error, { stage: "message" })
    return off
  }

  /** Answers requests of all peers. What it throws reaches the channel as `request-failed`, an EverwireError as itself. */
  handle<N extends NameOf<C, "requests">>(
    name: N,
    handler: HandlerOf<C, "requests", N, Peer<C, P>, RequestContext>,
  ): Unsubscribe {
    return this.#handlers.handle(name, handler as unknown as RequestHandler<Peer>) // as in `peers`
  }

  /** Sends to every peer. Encoded once for all. */
  send<N extends NameOf<C, "down">>(name: N, ...data: Said<DataOf<C, "down", N>>): void
  send(name: string, data?: unknown): void {
    const packet = encodeMessage(name, data, this.#maxPayloadBytes)
    const list = this.#log.append(packet)
    this.#kept.grow(list.costOf(packet))
    const place = list.held.length - 1 // whoever is told that a session ends in here may send more
    // No copy is needed: sessions end in here at most, and none begins.
    for (const entry of this.#registry.all()) entry.tell(packet, list, place)
  }

  /** The peers in any of these rooms; each once. @throws EverwireError `misuse` on a room that is no string. */
  to(...rooms: readonly string[]): Audience<C, P> {
    for (const room of rooms) checkRoom(room)
    return this.#audience(rooms, [])
  }

  /**
   * Answers a request of the web (Fetch standard): SSE, long-poll and short-poll in any runtime. 404 for other paths. May
   * be handed over by itself: `Deno.serve(hub.fetch)`, `export default { fetch: hub.fetch }`. `address` is the client's,
   * for the cap of sessions per address; what runtimes give in its place, which is no string, is ignored.
   */
  readonly fetch = async (request: Request, address?: unknown): Promise<Response> => {
    const from = typeof address === "string" ? address : undefined
    const { exchange, response } = createWebExchange(request, from, this.clockwork, this.#takeMs)
    if (!this.exchange(exchange, true)) exchange.respond(404, {}, "")
    return await response
  }

  /**
   * For servers: answers an exchange, and says whether its path was the hub's. `mounted` allows a prefix; with `why`
   * the answer refuses whatever is asked.
   */
  exchange(exchange: HttpExchange, mounted = false, why?: Closing): boolean {
    const name = routeOf(exchange.path, this.path, mounted, this.#acceptors)
    if (name === undefined) return false
    answerExchange(exchange, name, this.#routes, why)
    return true
  }

  /**
   * For servers: judges an upgrade. Undefined when its path is not the hub's. Whoever answers the upgrade agrees to the
   * subprotocol `everwire` where that was offered, and to no other: the one behind it may be the hello, with its key. The
   * headers are given with the origin. `trustProxy` and the report of refusals need the request's `address` and `isSecure`.
   */
  upgrade(
    pathname: string,
    request: Arrival,
    mounted = false,
  ): { refusal: Closing; status: number } | { take(socket: ServerSocket, origin: LinkOrigin): void } | undefined {
    const name = routeOf(pathname, this.path, mounted, this.#acceptors)
    if (name === undefined) return undefined
    const asked = askedOf(request, this.#trust)
    const refuse = (refusal: Closing, status: number): { refusal: Closing; status: number } => {
      const { code, reason } = refusal
      const origin = request.header("origin")
      this.#refused({ code, reason, stage: "upgrade", transport: name, address: asked.address, origin })
      return { refusal, status }
    }
    // While sessions are left, the hello tells whether it is for one of them.
    const leaving = this.#registry.size === 0 ? this.#closing : undefined
    const refusal = checkOrigin(request, this.#policy, this.#trust) ?? leaving
    if (refusal !== undefined) return refuse(refusal, refusal.code === "origin-refused" ? 403 : 503)
    const tooMany = this.#exchanged(asked.address)
    if (tooMany !== undefined) return refuse(tooMany, 429)
    const acceptor = this.#acceptors.get(name)
    if (acceptor?.socket === undefined) return refuse(closing("refused", "no WebSocket here"), 404)
    const take = (socket: ServerSocket, origin: LinkOrigin): void => {
      const failed = (error: unknown): void => {
        this.#hubFailed(error)
        callSafely(() => socket.terminate(), this.#hubFailed)
      }
      // Behind a proxy the address is the one that the proxy tells.
      const asking = this.#trust === undefined ? origin : { ...origin, address: asked.address }
      callSafely(() => acceptor.socket?.(socket, asking), failed)
    }
    return { take }
  }

  /** For servers: reports that the hub is used in a way that cannot work, the first time. */
  protected misused(message: string): void {
    tellOnce(this.#routes, message)
  }

  /**
   * For servers: tells of a channel that asked for a WebSocket where no hub is. Over HTTP nothing shows that it is one.
   */
  protected strayed(pathname: string, request: Arrival): void {
    this.#refused({
      code: "refused",
      reason: `a channel asked for ${pathname.replace(/\/websocket$/, "")}, and this hub is at ${this.path}`,
      stage: "path",
      transport: "websocket",
      address: askedOf(request, this.#trust).address,
      origin: request.header("origin"),
    })
  }

  /** For servers: whether `close` was called. */
  protected get isClosing(): boolean {
    return this.#closing !== undefined
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
    if (typeof drainMs !== "number" || !(drainMs >= 0 && drainMs < Infinity)) {
      throw new EverwireError("misuse", `drainMs is a number of milliseconds from 0 on, not ${String(drainMs)}`)
    }
    this.#closing ??= closing("hub-closing", "the hub is shutting down", true, RETRY_AFTER_MS)
    const why = this.#closing
    if (this.#drain === undefined) {
      // Not all at one time: those that have to be told at once, at the end of the time, do not dial at once.
      const release = (entry: Entry): void =>
        entry.end({ ...why, retryAfterMs: Math.ceil(this.#runtime.random() * RETRY_AFTER_MS) })
      this.#drain = new Drain(this.#runtime, this.#registry.all(), drainMs, release)
    } else this.#drain.hasten(drainMs)
    if (!this.#drain.isOver) await this.#drain.done
    this.#unwelcomed.refuseAll(why)
    for (const acceptor of this.#acceptors.values()) callSafely(() => acceptor.close?.(), this.#hubFailed)
    this.#registry.close()
    this.#errors.close()
  }

  #began({ peer }: Entry): void {
    this.#lifecycle.emit("peer", (error) => this.#failed(error, { stage: "listener", peer }), peer)
  }

  /** A link of a transport of the application's own. When it throws, it is as good as broken. */
  #admitGuarded(link: Link, origin: LinkOrigin): LinkSink {
    let isBroken = false
    const guarded = guardLink(link, (error) => {
      if (isBroken) return
      isBroken = true
      this.#hubFailed(error)
      this.#runtime.soon(() => {
        const why = closing("network", "the link threw")
        guarded.close(why)
        gate.closed(why)
      })
    })
    const gate = new Gate(this.#admission, this.#unwelcomed, guarded, origin)
    return gate
  }

  /** Counts a request or an upgrade. Returns why it is refused, if its address has made too many. */
  #exchanged(address: string | undefined): Closing | undefined {
    const site = this.#sites.at(address)
    if (site === undefined) return undefined
    const now = this.clockwork.now()
    const ms = waitMs(site.exchangesUntil, now)
    if (ms > 0) return rateLimited("too many requests from this address", ms)
    site.exchangesUntil = spent(site.exchangesUntil, this.#costs.exchange / this.#costs.share, now)
    return undefined
  }

  #windowMs(entry: Entry, mayReturn: boolean, resumeMs: number): number {
    const used = entry.session.heard > 0 || (entry.session.said > 0 && entry.isMet)
    if (used) return resumeMs
    return mayReturn ? Math.min(resumeMs, defaults.UNUSED_WINDOW_MS) : 0
  }

  #audience(rooms: readonly string[], without: readonly (Peer<C, P> | string)[]): Audience<C, P> {
    return {
      except: (...who) => {
        for (const one of who) if (!(one instanceof Peer)) checkRoom(one)
        return this.#audience(rooms, [...without, ...who])
      },
      send: (name: string, data?: unknown) =>
        this.#sendTo(rooms, without, encodeMessage(name, data, this.#maxPayloadBytes)),
    }
  }

  #sendTo(rooms: readonly string[], without: readonly (Peer<C, P> | string)[], packet: Packet): void {
    const left = new Set<unknown>(
      without.flatMap((who): unknown[] => (typeof who === "string" ? [...this.#rooms.members(who)] : [who])),
    )
    const list = new PacketList(packet, isWide(packet))
    this.#kept.grow(list.bytes)
    for (const room of rooms) {
      for (const peer of [...this.#rooms.members(room)]) {
        if (left.has(peer)) continue
        if (rooms.length > 1) left.add(peer)
        peer.sendEncoded(packet, list)
      }
    }
  }

  #refused(refusal: Refusal): void {
    this.#refusedCounts.add(refusal.code)
    const failed = (error: unknown): void => this.#failed(error, { stage: "listener" })
    if (!this.#lifecycle.emit("refused", failed, refusal)) this.#refusals.report(refusal)
  }

  /** A proxy that nobody told the hub of hides every client's address, and often the host: said once. */
  #lookForProxy(request: Arrival): void {
    if (!this.#isProxyUnknown || request.header("x-forwarded-for") === undefined) return
    const { address } = request
    if (address === undefined || !isPrivate(address)) return
    this.#isProxyUnknown = false
    this.#warn(
      `everwire: a request from ${address} has X-Forwarded-For, so a proxy seems to be in front of this hub. Its ` +
        'address is taken for that of every client. Set "trustProxy" to the number of proxies (1) or to their ' +
        "addresses, or to false to say that there is none.",
    )
  }

  #warn(message: string): void {
    const { warn } = this.#runtime
    callSafely(() => (warn === undefined ? hubRuntime.warn(message) : warn(message)), this.#hubFailed)
  }

  #failed(error: unknown, context: HubErrorContext): void {
    if (!this.#lifecycle.emit("error", this.#report, error, context)) this.#report(error)
  }

  readonly #hubFailed = (error: unknown): void => this.#failed(error, { stage: "hub" })

  readonly #report = (error: unknown): void => this.#errors.report(error)

  /** The last resort. Where that fails too, nobody is left to tell. */
  readonly #reportNow = (error: unknown): void => {
    callSafely(
      () => this.#runtime.report(error),
      () => {},
    )
  }
}

/** Largest batch that an honest channel makes: one packet of the largest payload, or a filled batch of small ones in UTF-8. */
export function maxBatchBytes(maxPayloadBytes: number): number {
  return (
    Math.max(maxPayloadBytes + 3 * defaults.MAX_HEADER_BYTES, 3 * defaults.BATCH_BYTES) + 4 * defaults.BATCH_BYTES * 3
  )
}
