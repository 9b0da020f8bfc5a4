import { platform as ownPlatform, store as ownStore } from "#platform"
import { Dispatch } from "../messaging/dispatch.ts"
import type { DispatchHost, Stage } from "../messaging/dispatch-host.ts"
import { Handlers, type MessageHandler, type RequestHandler } from "../messaging/handlers.ts"
import { readMessage } from "../messaging/message.ts"
import { loopOver, type MessagesOptions } from "../messaging/message-loop.ts"
import { checkNames } from "../messaging/option-names.ts"
import type { RequestOptions, StreamOptions } from "../messaging/request-options.ts"
import type { ChannelContract, ContractOption } from "../messaging/schema-contract.ts"
import { deliveryOf, type SendOptions } from "../messaging/send-options.ts"
import type { AnyFunction, SubscribeOptions, Unsubscribe } from "../messaging/subscription.ts"
import { systemRuntime } from "../runtimes/system-runtime.ts"
import { callSafely } from "../session/call-safely.ts"
import { Clockwork } from "../session/clockwork.ts"
import type { DropReason } from "../session/delivery/delivery.ts"
import type { Runtime } from "../session/runtime.ts"
import { Session, type SessionHost } from "../session/session.ts"
import type { Dialer } from "../transports/transport.ts"
import type { Packet } from "../wire/batch.ts"
import { CHANNEL_ACK, HEARTBEAT_MS, HEARTBEAT_TIMEOUT_MS, REPROBE_MS } from "../wire/defaults.ts"
import { type Closing, closing, EverwireError } from "../wire/errors.ts"
import { AUTH_REFRESH } from "../wire/features.ts"
import { type ChannelEvents, createEvents } from "./channel-events.ts"
import type { Identity } from "./connect/attempts.ts"
import { createConnector } from "./connect/connector.ts"
import type { Connector } from "./connect/connector-host.ts"
import { inTime } from "./connect/in-time.ts"
import { TransportHealth } from "./connect/transport-health.ts"
import type { Explanation } from "./explain.ts"
import { type ChannelOptions, checkChannel, type Reset, type Status, type StatusDetail } from "./options.ts"
import { watchPage } from "./page.ts"
import { createWaiters } from "./waiters.ts"

/** Packets that came meanwhile are delivered after an application's chain of up to so many nested `await`s of `opened`. */
const TURNS = 8

/**
 * The class behind the interface `Channel`, which documents the public members and gives them the types of a contract.
 * Here data has no types, because nothing checks at run time that it is what the contract says.
 */
export class LiveChannel {
  declare readonly opened: Promise<void>
  readonly #runtime: Runtime
  readonly #options: ChannelOptions & ContractOption<ChannelContract<unknown>>
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
  readonly #waiters = createWaiters(() => this.#status === "closed")
  /** Deliveries that wait until code that awaits `opened` has had time to set its handlers; undefined afterwards. */
  #held: (() => void)[] | undefined = []
  readonly #dropped: Record<DropReason, number> = { volatile: 0, latest: 0, ttl: 0, full: 0 }
  /** The promise that every call of `close` returns. */
  #leaving: Promise<void> | undefined

  constructor(
    url: string | URL,
    options: ChannelOptions & ContractOption<ChannelContract<unknown>>,
    dialers: readonly Dialer[],
  ) {
    const target = checkChannel(url, options, dialers)
    const { store = ownStore() } = options
    const runtime = options.runtime ?? systemRuntime
    this.#runtime = runtime
    this.#options = options
    this.#events = createEvents(runtime)
    this.#handlers = new Handlers((error) => this.#events.failed(error, "listener"))
    // -1: the end of a session does not reject it, because the next session may open.
    this.opened = this.#waiters.when(() => this.#peer !== undefined, -1)
    this.opened.catch(() => {}) // the application need not await it
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
            if (error) this.#waiters.wake(closing(error.code, error.message, false), number)
            return !!error
          })
        },
        linked: (welcome, transport) => {
          this.#peer = welcome.peer
          this.#enter("open", { transport })
          this.#waiters.wake()
          if (this.#held) void this.#releaseSoon()
        },
        unlinked: (why, retryInMs) =>
          this.#enter(this.#peer ? "reconnecting" : "connecting", { closing: why, retryInMs }),
        reset: (why, heard) => this.#reset(why, heard),
        ended: (why) => this.#end(why),
        report: (error) => this.#events.failed(error, "connection"),
      },
      identity,
    )
    this.#stopWatching = watchPage(this.#connector)
    // At the end of the tick, so that the application can set its listeners first.
    runtime.soon(() => this.#connector.open())
  }

  get #session(): Session {
    return this.#connector.session
  }
  get status(): Status {
    return this.#status
  }
  get transport(): string | undefined {
    return this.#connector.current?.dialer.name
  }
  get rttMs(): number {
    return this.#session.rttMs
  }
  get peerId(): string | undefined {
    return this.#peer
  }
  get bufferedBytes(): number {
    return this.#session.bufferedBytes
  }

  send(name: string, data?: unknown, options?: SendOptions): boolean {
    const packet = this.#dispatch.encode(name, data)
    const delivery = options && deliveryOf(name, options, this.#runtime.now())
    this.#checkOpen() // afterwards, because a getter of the data may close the channel
    this.#session.say(packet, undefined, undefined, delivery)
    return this.#session.hasRoom
  }

  async request(name: string, data?: unknown, options?: RequestOptions): Promise<never> {
    this.#checkOpen()
    return (await this.#dispatch.request(name, data, options)) as never
  }

  stream(name: string, data?: unknown, options?: StreamOptions): AsyncGenerator<never, void, void> {
    this.#checkOpen()
    return this.#dispatch.stream(name, data, options) as AsyncGenerator<never, void, void>
  }

  on(name: string, handler: AnyFunction, options?: SubscribeOptions): Unsubscribe {
    return this.#handlers.on(name, handler as MessageHandler<unknown>, options)
  }

  handle(name: string, handler: AnyFunction, options?: SubscribeOptions): Unsubscribe {
    return this.#handlers.handle(name, handler as RequestHandler<unknown>, options)
  }

  messages(name: string, options?: MessagesOptions): AsyncGenerator<never, void, void> {
    const loop = loopOver((heard, ended, rest) => this.#handlers.on(name, heard, rest, ended), options)
    return loop as AsyncGenerator<never, void, void>
  }

  onStatus(listener: (status: Status, detail: StatusDetail) => void, options?: SubscribeOptions): Unsubscribe {
    return this.#events.on("status", listener, options)
  }

  onReset(listener: (reset: Reset) => void, options?: SubscribeOptions): Unsubscribe {
    return this.#events.on("reset", listener, options)
  }

  onError(listener: (error: unknown, stage: Stage | "connection") => void, options?: SubscribeOptions): Unsubscribe {
    return this.#events.on("error", listener, options)
  }

  writable(): Promise<void> {
    if (!this.#session.hasRoom) this.#session.ask()
    return this.#waiters.when(() => this.#session.hasRoom, -1)
  }

  flush(): Promise<void> {
    const session = this.#session
    const { last } = session
    if (!session.isSettled(last)) session.ask()
    return this.#waiters.when(() => session.isSettled(last), last)
  }

  retry(): void {
    this.#connector.nudge(true)
  }

  explain(): Explanation {
    const session = this.#session
    return {
      ...this.#connector.explain(),
      rttMs: session.rttMs,
      said: session.said,
      acknowledged: session.acked,
      heard: session.heard,
      dropped: { ...this.#dropped },
    }
  }

  async close(options: { flushMs?: number | undefined } = {}): Promise<void> {
    checkNames(options, { flushMs: "number" }, "close")
    this.#leaving ??= this.#leave(options.flushMs ?? 1_000)
    await this.#leaving
  }

  async #leave(flushMs: number): Promise<void> {
    if (this.#status === "closed") return
    const session = this.#session
    if (!session.isSettled(session.last) && flushMs > 0) await inTime(this.#runtime, flushMs, this.flush())
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
    const receiver: DispatchHost<unknown> = {
      maxPayloadBytes: () => this.#maxPayloadBytes,
      say: (packet) => session.say(packet),
      handlers: [this.#handlers],
      context: () => this,
      writable: () => this.writable(),
      failed: this.#events.failed,
    }
    const { contract } = this.#options
    const dispatch = contract?.dispatch("channel", this.#runtime, receiver) ?? new Dispatch(this.#runtime, receiver)
    const host: SessionHost = {
      deliver: (packet) =>
        this.#held ? void this.#held.push(() => dispatch.deliver(packet)) : dispatch.deliver(packet),
      control: (link, packet) => this.#connector.control(link, packet),
      doubted: () => this.#connector.doubted(),
      answered: (beside) => {
        if (!beside) this.#connector.answered()
        this.#waiters.wake()
      },
      dropped: (reason) => void this.#dropped[reason]++,
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

  /**
   * The session is over: begins another with what the hub has certainly not heard, and reports what it may have heard.
   * `heard`: if the hub has told it, the number of the last packet that it heard.
   */
  #reset(why: Closing, heard?: number): Identity {
    const { acked } = this.#session
    const { unacknowledged, unsent, deliveries } = this.#session.end()
    const uncertain = heard === undefined ? unacknowledged.length - unsent : 0
    const from = heard === undefined ? (this.#options.resend ? 0 : uncertain) : heard - acked
    const before = this.#dispatch
    const [identity, dispatch] = this.#mint()
    this.#dispatch = dispatch
    for (const [at, packet] of unacknowledged.entries()) {
      if (at >= from && readMessage(packet))
        identity.session.say(packet, undefined, undefined, deliveries?.get(acked + at + 1))
    }
    // After the new session is in place: what a listener sends goes there.
    this.#runtime.soon(() => {
      before.end({ ...why, code: "session-reset" })
      this.#waiters.wake(why)
      this.#events.emit("reset", { closing: why, messages: messagesOf(unacknowledged.slice(0, uncertain)) })
    })
    return identity
  }

  /** After the code that awaits `opened`; or by a timer, where a platform does not run promises before its timers. */
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
    this.#waiters.wake(why)
    this.#handlers.close()
  }

  #enter(status: Status, detail: StatusDetail): void {
    if (this.#status === "closed") return
    this.#status = status
    this.#events.emit("status", status, detail)
  }

  #checkOpen(): void {
    if (this.#status === "closed") throw new EverwireError("closed", "the channel is closed: create a new one")
  }
}

function messagesOf(packets: readonly Packet[]): Reset["messages"] {
  return packets.flatMap((packet) => readMessage(packet) ?? [])
}
