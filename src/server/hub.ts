import { callSafely } from "../kernel/call-safely.ts"
import type { Clockwork } from "../kernel/clockwork.ts"
import type { Packet } from "../kernel/codec.ts"
import type { AnyContract, Contract, DataOf, HandlerOf, NameOf, Said } from "../kernel/contract.ts"
import * as defaults from "../kernel/defaults.ts"
import {
  encodeMessage,
  Handlers,
  type MessageHandler,
  type RequestContext,
  type RequestHandler,
  type Stage,
  type Unsubscribe,
} from "../kernel/dispatch.ts"
import { type Closing, closing } from "../kernel/errors.ts"
import { guardLink } from "../kernel/guard-link.ts"
import { checkNames } from "../kernel/known.ts"
import type { Link, LinkSink } from "../kernel/link.ts"
import type { Runtime } from "../kernel/runtime.ts"
import { hubRuntime } from "../platform/hub-runtime.ts"
import type { Acceptor, Door, HttpExchange, LinkOrigin, OpenAcceptor, ServerSocket } from "../transports/transport.ts"
import { isPrivate } from "./address.ts"
import { type AdmissionHost, Gate, hearLeave, Unwelcomed } from "./admission.ts"
import type { Entry } from "./entry.ts"
import { Lifecycle } from "./lifecycle.ts"
import { MissedNames } from "./missed-names.ts"
import { checkOptions, type HubOptions } from "./options.ts"
import { checkOrigin, type OriginPolicy, readPolicy } from "./origin-check.ts"
import { Peer, type Principal } from "./peer.ts"
import { type Refusal, RefusalReport } from "./refusals.ts"
import { type Limits, Registry } from "./registry.ts"
import { checkRoom, Rooms } from "./rooms.ts"
import { answerExchange, type Routes, readPath, routeOf, tellOnce } from "./router.ts"
import { Log } from "./shared-outbox.ts"
import { isBuiltIn } from "./transports.ts"
import { type Arrival, askedOf, readTrust, type Trust } from "./trust-proxy.ts"
import { createWebExchange } from "./web-exchange.ts"
import { Wheel } from "./wheel.ts"

/** How late the hub's alarms may ring, as a part of their delay, so that those of many peers ring together. */
const SLACK = 1 / 16

/** So many names that nothing handles are remembered. */
const MAX_MISSED_NAMES = 256

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
  readonly #maxPayloadBytes: number
  readonly #registry: Registry
  /** What was said to all. */
  readonly #log = new Log()
  readonly #rooms = new Rooms<Peer>()
  readonly #handlers = new Handlers<Peer>()
  readonly #lifecycle = new Lifecycle<HubEvents>()
  readonly #acceptors: ReadonlyMap<string, OpenAcceptor>
  readonly #routes: Routes
  readonly #admission: AdmissionHost
  readonly #unwelcomed = new Unwelcomed()
  readonly #missed = new MissedNames(MAX_MISSED_NAMES)
  /** Set when `close` was called: what everybody who says hello is told. */
  #closing: Closing | undefined
  /** Called when a peer has acknowledged something or is gone, while the hub drains. */
  #onProgress: (() => void) | undefined

  /** @param own Names of options that this kind of hub has beside those of all hubs. */
  constructor(options: HubOptions<P>, acceptors: readonly Acceptor[], own: object = {}) {
    checkOptions(options, own)
    const runtime = options.runtime ?? hubRuntime
    this.#runtime = runtime
    this.id = runtime.id()
    this.path = readPath(options.path ?? "/everwire") ?? "" // checked above
    this.#policy = readPolicy(options.origins, options.allowCookiesWithoutOrigin)
    this.#trust = readTrust(options.trustProxy ?? false, (error) => this.#failed(error, { stage: "hub" }))
    this.#isProxyUnknown = options.trustProxy === undefined
    this.#refusals = new RefusalReport((message) => this.#warn(message))
    this.#maxPayloadBytes = options.maxPayloadBytes ?? defaults.MAX_PAYLOAD_BYTES
    const given = options.limits ?? {}
    const limits: Limits = {
      maxSessions: given.maxSessions ?? defaults.MAX_SESSIONS,
      maxSessionsPerAddress: given.maxSessionsPerAddress ?? defaults.MAX_SESSIONS_PER_ADDRESS,
      maxUnwelcomedLinks: given.maxUnwelcomedLinks ?? defaults.MAX_UNWELCOMED_LINKS,
      maxDetachedBytes: given.maxDetachedBytes ?? defaults.MAX_DETACHED_BYTES,
    }
    // Whoever brings a clock of his own, as tests do, is kept to it exactly.
    const clockwork = new Wheel(runtime, options.runtime === undefined ? SLACK : 0, this.#hubFailed)
    this.clockwork = clockwork
    this.#registry = new Registry(clockwork, limits, options.limits?.maxSessionsPerAddress !== undefined)
    const resumeMs = options.resumeMs ?? defaults.RESUME_WINDOW_MS
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
      maxPayloadBytes: this.#maxPayloadBytes,
      maxUnwelcomedLinks: limits.maxUnwelcomedLinks,
      maxLinkBytes: 2 * maxBatchBytes(this.#maxPayloadBytes),
      settings: {
        ...defaults.HUB_ACK,
        speakMs: options.speakMs ?? defaults.SPEAK_MS,
        patienceMs: options.patienceMs ?? defaults.PATIENCE_MS,
        maxOutboxBytes: options.maxOutboxBytes ?? defaults.MAX_OUTBOX_BYTES,
        maxPacketBytes: this.#maxPayloadBytes + defaults.MAX_HEADER_BYTES,
      },
      closing: () => this.#closing,
      refused: (refusal) => this.#refused(refusal),
      began: (entry) => this.#began(entry),
      progressed: () => this.#onProgress?.(),
      windowMs: (entry) => this.#windowMs(entry, resumeMs),
      forget: (entry, why) => {
        this.#registry.remove(entry)
        if (this.#closing === undefined) this.#registry.remember(entry, why, resumeMs)
        this.#onProgress?.()
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
   * Calls back for every new session, before anything of it is heard. What is sent here goes first. Handlers that are set
   * here, before the first `await` of an async listener, hear everything.
   */
  onPeer(listener: (peer: Peer<C, P>) => void): Unsubscribe {
    return this.#lifecycle.on("peer", listener as unknown as (peer: Peer) => void) // as in `peers`
  }

  /**
   * Hears what the application's own functions threw or rejected with, and faults of the hub. Without a listener it is
   * reported to the runtime, as is what a listener itself throws: on Node, `console.error`.
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
    const place = list.length - 1 // whoever is told that a session ends in here may send more
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
    const { exchange, response } = createWebExchange(request, from, this.#runtime)
    if (!this.exchange(exchange, true)) exchange.respond(404, {}, "")
    return await response
  }

  /**
   * For servers: answers an exchange, and says whether its path was the hub's. `mounted` allows a prefix; with `leaving`
   * the answer refuses whatever is asked, because the server is closing.
   */
  exchange(exchange: HttpExchange, mounted = false, leaving?: Closing): boolean {
    const name = routeOf(exchange.path, this.path, mounted, this.#acceptors)
    if (name === undefined) return false
    answerExchange(exchange, name, this.#routes, leaving)
    return true
  }

  /**
   * For servers: judges an upgrade. Undefined when its path is not the hub's. Whoever answers the upgrade agrees to the
   * first subprotocol that was offered, and gives the headers with the origin: the hello may be among them. `trustProxy`
   * and the report of refusals need the request's `address` and `isSecure`.
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
    const refusal = checkOrigin(request, this.#policy, this.#trust) ?? this.#closing
    if (refusal !== undefined) return refuse(refusal, refusal.code === "origin-refused" ? 403 : 503)
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

  /**
   * Ends every session and lets nobody in. Peers get up to `drainMs` to acknowledge what was said to them (default 0);
   * channels are told to dial again, which finds the next process of a deploy.
   */
  async close(options: { drainMs?: number | undefined } = {}): Promise<void> {
    checkNames(options, { drainMs: 1 }, "close")
    const { drainMs = 0 } = options
    this.#closing ??= closing("hub-closing", "the hub is shutting down", true, 1_000)
    if (drainMs > 0) await this.#drained(drainMs)
    this.#unwelcomed.refuseAll(this.#closing)
    for (const entry of [...this.#registry.all()]) {
      const spreadMs = Math.ceil(this.#runtime.random() * 1_000)
      entry.end({ ...this.#closing, retryAfterMs: spreadMs })
    }
    for (const acceptor of this.#acceptors.values()) callSafely(() => acceptor.close?.(), this.#hubFailed)
    this.#registry.close()
  }

  #drained(drainMs: number): Promise<void> {
    const clean = (): boolean => Array.from(this.#registry.all()).every(({ session }) => session.acked === session.said)
    if (clean()) return Promise.resolve()
    // Channels acknowledge lazily unless they are asked.
    for (const { session } of this.#registry.all()) if (session.acked < session.said) session.ask()
    return new Promise((resolve) => {
      const cancel = this.#runtime.after(drainMs, resolve)
      this.#onProgress = () => {
        if (!clean()) return
        this.#onProgress = undefined
        cancel()
        resolve()
      }
    })
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

  #windowMs(entry: Entry, resumeMs: number): number {
    const used = entry.session.heard > 0 || (entry.session.said > 0 && entry.isMet)
    if (!used) return Math.min(resumeMs, defaults.UNUSED_WINDOW_MS)
    return this.#registry.detachedTooMuch() ? 0 : resumeMs
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
    for (const room of rooms) {
      for (const peer of [...this.#rooms.members(room)]) {
        if (left.has(peer)) continue
        if (rooms.length > 1) left.add(peer)
        peer.sendEncoded(packet)
      }
    }
  }

  #refused(refusal: Refusal): void {
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

  /** The last resort. Where that fails too, nobody is left to tell. */
  readonly #report = (error: unknown): void => {
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
