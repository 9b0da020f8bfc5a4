import { platform as ownPlatform, store as ownStore } from "#platform"
import type {
  Ability,
  AnyContract,
  Asked,
  Contract,
  DataOf,
  HandlerOf,
  InputOf,
  NameOf,
  OutputOf,
  Said,
} from "../messaging/contract.ts"
import { Dispatch, encodeMessage, readMessage, type Stage } from "../messaging/dispatch.ts"
import { Handlers, type MessageHandler, type RequestContext, type RequestHandler } from "../messaging/handlers.ts"
import { checkNames } from "../messaging/option-names.ts"
import type { RequestOptions } from "../messaging/request-options.ts"
import type { SubscribeOptions, Unsubscribe } from "../messaging/subscription.ts"
import { systemRuntime } from "../runtimes/system-runtime.ts"
import { callSafely } from "../session/call-safely.ts"
import { Clockwork } from "../session/clockwork.ts"
import type { Runtime } from "../session/runtime.ts"
import { Session, type SessionHost } from "../session/session.ts"
import type { Dialer } from "../transports/transport.ts"
import type { Packet } from "../wire/batch.ts"
import { CHANNEL_ACK, HEARTBEAT_MS, HEARTBEAT_TIMEOUT_MS, REPROBE_MS } from "../wire/defaults.ts"
import { type Closing, closing, closingError, EverwireError } from "../wire/errors.ts"
import { AUTH_REFRESH } from "../wire/features.ts"
import { type ChannelEvents, createEvents } from "./channel-events.ts"
import type { Identity } from "./connect/attempts.ts"
import { createConnector } from "./connect/connector.ts"
import type { Connector } from "./connect/connector-host.ts"
import { inTime } from "./connect/in-time.ts"
import { TransportHealth } from "./connect/transport-health.ts"
import type { Explanation } from "./explain.ts"
import { loopOver } from "./message-loop.ts"
import {
  CHANNEL_OPTIONS,
  type ChannelOptions,
  checkDialers,
  checkUrl,
  PLATFORM,
  type Reset,
  type Status,
  type StatusDetail,
} from "./options.ts"
import { watchPage } from "./page.ts"

/** So many `await`s, one in the other, end before what came meanwhile is handed over. */
const TURNS = 8

/** What `await using` closes, where the types of the language have it: TypeScript 5.2 and `lib: ["esnext.disposable"]`. */
type Disposer = SymbolConstructor extends { readonly asyncDispose: infer Key extends symbol }
  ? { [Member in Key]: () => Promise<void> }
  : object

/** The client: a live connection that stays up, whatever carries it. */
// biome-ignore lint/correctness/noUnusedVariables: it merges with the class, which has it
export interface Channel<C extends Contract<C> = AnyContract> extends Disposer {}
// biome-ignore lint/suspicious/noUnsafeDeclarationMerging: the class has what the interface names
export class Channel<C extends Contract<C> = AnyContract> {
  /** Of types alone: there is no such property. */
  declare protected readonly ability: Ability<C>
  /** Resolves when the channel opens for the first time; rejects with an EverwireError when it ends before. */
  declare readonly opened: Promise<void>
  readonly #runtime: Runtime
  readonly #options: ChannelOptions
  readonly #events: ChannelEvents
  readonly #handlers: Handlers<unknown>
  readonly #connector: Connector
  readonly #stopWatching: () => void
  #status: Status = "connecting"
  /** Public id of the peer that the hub has for this session. */
  #peer: string | undefined
  /** Largest encoded payload that the hub takes. */
  #maxPayloadBytes: number | undefined
  #dispatch: Dispatch<unknown>
  /** Calls to make whenever the hub acknowledged more, or the session ended; those that answer `true` are done. */
  #waiters: ((why?: Closing, from?: number) => boolean)[] = []
  /** What comes before the end of the tick in which `opened` resolved, whose awaiters may set handlers first. */
  #held: (() => void)[] | undefined = []
  /** What `close` has given, once it was called. */
  #leaving: Promise<void> | undefined

  constructor(url: string | URL, options: ChannelOptions, dialers: readonly Dialer[]) {
    checkNames(options, CHANNEL_OPTIONS, "createChannel")
    const target = checkUrl(url)
    checkNames(options.platform, PLATFORM, "platform")
    checkDialers(dialers)
    const { store = ownStore() } = options
    const runtime = options.runtime ?? systemRuntime
    this.#runtime = runtime
    this.#options = options
    this.#events = createEvents(runtime)
    this.#handlers = new Handlers((error) => this.#events.failed(error, "listener"))
    // It does not wait for a number (-1): the end of a session does not end it, for the next one may open.
    this.opened = this.#when(() => this.#peer !== undefined, -1)
    this.opened.catch(() => {}) // whoever awaits it hears of it; nobody has to
    const [identity, dispatch] = this.#mint()
    this.#dispatch = dispatch
    this.#connector = createConnector(
      {
        runtime,
        url: target.href,
        dialers,
        health: new TransportHealth(store, target.origin),
        withCredentials: options.withCredentials ?? false,
        reprobeMs: options.reprobeMs ?? REPROBE_MS,
        platform: () => ({ ...ownPlatform(), ...options.platform }),
        auth: (reason) => options.auth?.({ reason }),
        authTimeoutMs: options.authTimeoutMs ?? 10_000,
        welcomed: (welcome) => {
          this.#maxPayloadBytes = welcome.maxPayloadBytes
          this.#session.withdraw((packet, number) => {
            const error = this.#dispatch.refusal(packet)
            if (error) this.#wake(closing(error.code, error.message, false), number)
            return !!error
          })
        },
        linked: (welcome, transport) => {
          this.#peer = welcome.peer
          this.#enter("open", { transport })
          this.#wake()
          if (this.#held) void this.#releaseSoon()
        },
        unlinked: (why, retryInMs) =>
          this.#enter(this.#peer ? "reconnecting" : "connecting", { closing: why, retryInMs }),
        reset: (why) => this.#reset(why),
        ended: (why) => this.#end(why),
        report: (error) => this.#events.failed(error, "connection"),
      },
      identity,
    )
    this.#stopWatching = watchPage(this.#connector)
    // At the end of the tick: whoever created it can set its listeners first.
    runtime.soon(() => this.#connector.open())
  }

  get #session(): Session {
    return this.#connector.session
  }
  get status(): Status {
    return this.#status
  }
  /** Name of the transport that carries the talk now. */
  get transport(): string | undefined {
    return this.#connector.current?.dialer.name
  }
  /** Smoothed round trip in milliseconds; 0 until measured. */
  get rttMs(): number {
    return this.#session.rttMs
  }
  /** Public id of this channel's peer at the hub, once it was open. */
  get peerId(): string | undefined {
    return this.#peer
  }
  /** Bytes said and not yet acknowledged by the hub. */
  get bufferedBytes(): number {
    return this.#session.bufferedBytes
  }

  /**
   * Sends a message: delivered exactly once and in order within the session, now or when the wire is back. Answers
   * `false` when more waits to be acknowledged than the link carries in about a second (4 KiB while its speed is not
   * known): the message was taken, `writable()` tells when there is room.
   *
   * @throws EverwireError `closed`, `misuse`, `payload-unsupported`, `payload-too-large`, and `buffer-full` when the
   * outbox cannot hold it: then it was not taken.
   */
  send<N extends NameOf<C, "up">>(name: N, ...data: Said<DataOf<C, "up", N>>): boolean
  send(name: string, data?: unknown): boolean {
    const packet = encodeMessage(name, data, this.#maxPayloadBytes)
    this.#checkOpen() // afterwards, because a getter of the data may close the channel
    this.#session.say(packet)
    return this.#session.hasRoom
  }

  /** Asks the hub. @throws EverwireError (as a rejection) `request-timeout`, `request-aborted`, `request-failed`, ... */
  request<N extends NameOf<C, "requests">>(
    name: N,
    ...data: Asked<InputOf<C, "requests", N>, RequestOptions>
  ): Promise<OutputOf<C, "requests", N>>
  async request(name: string, data?: unknown, options?: RequestOptions): Promise<unknown> {
    this.#checkOpen()
    return await this.#dispatch.request(name, data, options)
  }

  /** Hears messages of this name. What the handler throws, or rejects with if it is async, reaches `onError`. */
  on<N extends NameOf<C, "down">>(
    name: N,
    handler: (data: DataOf<C, "down", N>, channel: Channel<C>) => void,
    options?: SubscribeOptions,
  ): Unsubscribe {
    return this.#handlers.on(name, handler as MessageHandler<unknown>, options) // the contract is the application's word
  }

  /** Answers the hub's requests of this name. What it throws reaches the hub as `request-failed`. */
  handle<N extends NameOf<C, "asks">>(
    name: N,
    handler: HandlerOf<C, "asks", N, Channel<C>, RequestContext>,
    options?: SubscribeOptions,
  ): Unsubscribe {
    return this.#handlers.handle(name, handler as RequestHandler<unknown>, options) // the contract is the application's word
  }

  /**
   * Messages of this name from now on, until the channel closes or the loop is left. What comes while the loop is busy, or
   * before it begins, waits for it in memory.
   *
   * @example for await (const line of channel.messages("chat")) show(line)
   */
  messages<N extends NameOf<C, "down">>(
    name: N,
    options?: SubscribeOptions,
  ): AsyncGenerator<DataOf<C, "down", N>, void, void> {
    return loopOver<DataOf<C, "down", N>>(
      (heard, ended) => this.#handlers.on(name, heard as MessageHandler<unknown>, options, ended), // as in `on`
      options?.signal,
    )
  }

  /** Calls back on every change of status or transport. */
  onStatus(listener: (status: Status, detail: StatusDetail) => void, options?: SubscribeOptions): Unsubscribe {
    return this.#events.on("status", listener, options)
  }

  /**
   * Calls back when a session ended with messages whose fate is unknown: it could not be resumed, or the channel is closed
   * (`channel.status` says so; then it comes just before `onStatus`, and only where there are such messages).
   */
  onReset(listener: (reset: Reset) => void, options?: SubscribeOptions): Unsubscribe {
    return this.#events.on("reset", listener, options)
  }

  /** Hears what the application's own handlers and `auth` threw. Without a listener they are reported to the platform. */
  onError(listener: (error: unknown, stage: Stage | "connection") => void, options?: SubscribeOptions): Unsubscribe {
    return this.#events.on("error", listener, options)
  }

  /** Resolves when there is room for `send` again. Rejects when the channel closes first. */
  writable(): Promise<void> {
    return this.#when(() => this.#session.hasRoom)
  }

  /**
   * Resolves when the hub has acknowledged everything said so far, which it is asked to do at once: otherwise it
   * acknowledges after 250 ms, 256 messages or 64 KiB. Rejects when the session ends first, and with `payload-too-large`
   * when something of it was said before the hub told its limit and is larger.
   */
  flush(): Promise<void> {
    const session = this.#session
    const { said } = session
    if (session.acked < said) session.ask()
    return this.#when(() => session.acked >= said, said)
  }

  /** Dials at once whatever is being waited for, and forgets which transports were thought broken. For a "try again" button. */
  retry(): void {
    this.#connector.nudge(true)
  }

  /** Which transport carries the talk, why, and what happened to the others. */
  explain(): Explanation {
    const session = this.#session
    return {
      ...this.#connector.explain(),
      rttMs: this.rttMs,
      said: session.said,
      acknowledged: session.acked,
      heard: session.heard,
    }
  }

  /**
   * Ends the session. What was said is given up to `flushMs` (default 1 000) to be acknowledged, then the hub is told.
   * Resolves when the hub has heard it, so a program may end right behind it; or after three seconds more, when the hub
   * cannot be reached. Safe to call again: that waits for the same.
   */
  async close(options: { flushMs?: number | undefined } = {}): Promise<void> {
    checkNames(options, { flushMs: "number" }, "close")
    this.#leaving ??= this.#leave(options.flushMs ?? 1_000)
    await this.#leaving
  }

  async #leave(flushMs: number): Promise<void> {
    if (this.#status === "closed") return
    const session = this.#session
    if (session.acked < session.said && flushMs > 0) await inTime(this.#runtime, flushMs, this.flush())
    if (this.#session.ended) return // by the hub, or by the end of its page
    const why = closing("closed", "closed by the application", false)
    const told = this.#connector.close(why)
    this.#end(why)
    await told
  }

  /** @internal Types without it must do: see `Disposer`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #mint(): [Identity, Dispatch<unknown>] {
    const dispatch = new Dispatch<unknown>(this.#runtime, {
      maxPayloadBytes: () => this.#maxPayloadBytes,
      say: (packet) => session.say(packet),
      handlers: [this.#handlers],
      context: () => this,
      failed: (error, stage) => this.#events.failed(error, stage),
    })
    const host: SessionHost = {
      deliver: (packet) =>
        this.#held ? void this.#held.push(() => dispatch.deliver(packet)) : dispatch.deliver(packet),
      control: (link, packet) => this.#connector.control(link, packet),
      doubted: () => this.#connector.doubted(),
      silent: () => {}, // a prober doubts, it never hangs up
      answered: (beside) => {
        if (!beside) this.#connector.answered()
        this.#wake()
      },
    }
    const session = new Session(new Clockwork(this.#runtime), host, {
      ...CHANNEL_ACK,
      heartbeatMs: HEARTBEAT_MS,
      heartbeatTimeoutMs: HEARTBEAT_TIMEOUT_MS,
      maxOutboxBytes: this.#options.maxOutboxBytes,
      features: this.#options.features ?? (this.#options.auth && [AUTH_REFRESH]),
    })
    return [{ id: this.#runtime.id(), key: this.#runtime.id(), session }, dispatch]
  }

  /** The hub does not know the session any more: tells what is uncertain, and begins another with what never left. */
  #reset(why: Closing): Identity {
    const { unacknowledged, unsent } = this.#session.end()
    const certain = unacknowledged.length - unsent
    const before = this.#dispatch
    const [identity, dispatch] = this.#mint()
    this.#dispatch = dispatch
    const again = this.#options.resend ? unacknowledged : unacknowledged.slice(certain)
    for (const packet of again) if (readMessage(packet)) identity.session.say(packet)
    // Told when the new session is in place: what is said from inside goes there.
    this.#runtime.soon(() => {
      before.end({ ...why, code: "session-reset" })
      this.#wake(why)
      this.#events.emit("reset", { closing: why, messages: messagesOf(unacknowledged.slice(0, certain)) })
    })
    return identity
  }

  /** Behind those who await `opened`, or a function that does; and with the next timer, if promises do not go on before. */
  async #releaseSoon(): Promise<void> {
    const cancel = this.#runtime.after(0, () => this.#release())
    for (let turn = 0; turn < TURNS; turn++) await this.opened
    cancel()
    this.#release()
  }

  #release(): void {
    const held = this.#held
    this.#held = undefined
    for (const deliver of held ?? []) {
      if (this.#status !== "closed") callSafely(deliver, (error) => this.#events.failed(error, "connection"))
    }
  }

  #end(why: Closing): void {
    this.#release()
    if (this.#status === "closed") return
    this.#stopWatching()
    const messages = messagesOf(this.#session.end().unacknowledged)
    this.#status = "closed"
    if (messages.length > 0) this.#events.emit("reset", { closing: why, messages })
    this.#events.emit("status", "closed", { closing: why })
    this.#dispatch.end(why)
    this.#wake(why)
    this.#handlers.close()
  }

  #enter(status: Status, detail: StatusDetail): void {
    if (this.#status === "closed") return
    this.#status = status
    this.#events.emit("status", status, detail)
  }

  /** Resolves when `done`; rejects when the session ends first, or one of the packets up to `number` is withdrawn. */
  #when(done: () => boolean, number = 0): Promise<void> {
    return new Promise((resolve, reject) => {
      const look = (why?: Closing, from = 0): boolean => {
        if (done()) resolve()
        else if ((why && number >= from) || this.#status === "closed") {
          reject(closingError(why ?? closing("closed", "the channel is closed: create a new one", false)))
        } else return false
        return true
      }
      if (!look()) this.#waiters.push(look)
    })
  }

  #wake(why?: Closing, from?: number): void {
    this.#waiters = this.#waiters.filter((look) => !look(why, from))
  }

  #checkOpen(): void {
    if (this.#status === "closed") throw new EverwireError("closed", "the channel is closed: create a new one")
  }
}

function messagesOf(packets: readonly Packet[]): Reset["messages"] {
  return packets.flatMap((packet) => readMessage(packet) ?? [])
}
