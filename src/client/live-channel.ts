import { Dispatch } from "../messaging/dispatch.ts"
import type { DispatchHost, Stage } from "../messaging/dispatch-host.ts"
import { Handlers, type MessageHandler, type RequestHandler } from "../messaging/handlers.ts"
import { loopOver, type MessagesOptions } from "../messaging/message-loop.ts"
import { checkNames } from "../messaging/option-names.ts"
import type { RequestOptions, StreamOptions } from "../messaging/request-options.ts"
import type { ChannelContract, ContractOption } from "../messaging/schema-contract.ts"
import { deliveryOf, type SendOptions } from "../messaging/send-options.ts"
import type { AnyFunction, SubscribeOptions, Unsubscribe } from "../messaging/subscription.ts"
import { callSafely } from "../session/call-safely.ts"
import type { Runtime } from "../session/runtime.ts"
import type { Session, SessionHost } from "../session/session.ts"
import type { Dialer } from "../transports/transport.ts"
import { type Closing, closing, EverwireError } from "../wire/errors.ts"
import { afterTurns } from "./after-turns.ts"
import { carryOver, messagesOf } from "./carry-over.ts"
import { type ChannelEvents, createEvents } from "./channel-events.ts"
import { createSession } from "./channel-session.ts"
import type { Identity } from "./connect/attempt.ts"
import { createConnector } from "./connect/connector.ts"
import type { Connector } from "./connect/connector-host.ts"
import { inTime } from "./connect/in-time.ts"
import type { Incident } from "./connect/incident.ts"
import type { Explanation } from "./explain.ts"
import { type ChannelOptions, connectorSettings, type Reset, type Status, type StatusDetail } from "./options.ts"
import { watchPage } from "./page.ts"
import { type ChannelStats, createCounters, statsOf } from "./stats.ts"
import { createWaiters } from "./waiters.ts"

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
  readonly #counters = createCounters()
  /** The promise that every call of `close` returns. */
  #leaving: Promise<void> | undefined

  constructor(
    url: string | URL,
    options: ChannelOptions & ContractOption<ChannelContract<unknown>>,
    dialers: readonly Dialer[],
  ) {
    const settings = connectorSettings(url, options, dialers)
    const { runtime } = settings
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
        ...settings,
        welcomed: (welcome) => {
          this.#maxPayloadBytes = welcome.maxPayloadBytes
          this.#session.withdraw((packet, number) => {
            const error = this.#dispatch.refusal(packet)
            if (error) this.#waiters.wake(closing(error.code, error.message, false), number)
            return !!error
          })
        },
        linked: (welcome, transport) => {
          if (this.#status === "reconnecting" && this.#peer === welcome.peer) this.#counters.resumed++
          this.#peer = welcome.peer
          this.#enter("open", { transport })
          this.#waiters.wake()
          if (this.#held) void afterTurns(runtime, this.opened, () => this.#release())
        },
        unlinked: (why, retryInMs) =>
          this.#enter(this.#peer ? "reconnecting" : "connecting", { closing: why, retryInMs }),
        reset: (why, heard) => this.#reset(why, heard),
        ended: (why) => this.#end(why),
        report: (error) => this.#events.failed(error, "connection"),
        noted: (incident) => {
          const { incidents } = this.#counters
          incidents[incident.what] = (incidents[incident.what] ?? 0) + 1
          // Later, because the connector is in the middle of something, and a listener may close the channel.
          runtime.soon(() => this.#events.emit("incident", incident))
        },
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

  onIncident(listener: (incident: Incident) => void, options?: SubscribeOptions): Unsubscribe {
    return this.#events.on("incident", listener, options)
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
    return this.#connector.explain()
  }

  stats(): ChannelStats {
    return statsOf(this.#counters, this.#session, this.#status, this.explain())
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
    const { contract, codec } = this.#options
    const receiver: DispatchHost<unknown> = {
      codec,
      maxPayloadBytes: () => this.#maxPayloadBytes,
      say: (packet) => session.say(packet),
      retract: (packet) => session.retract(packet),
      handlers: [this.#handlers],
      context: () => this,
      writable: () => this.writable(),
      failed: this.#events.failed,
    }
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
      traffic: this.#counters,
      dropped: (reason) => void this.#counters.dropped[reason]++,
    }
    const session = createSession(this.#runtime, host, this.#options)
    return [{ id: this.#runtime.id(), key: this.#runtime.id(), session }, dispatch]
  }

  /**
   * The session is over: begins another with what the hub has certainly not heard, and reports what it may have heard.
   * `heard`: if the hub has told it, the number of the last packet that it heard.
   */
  #reset(why: Closing, heard?: number): Identity {
    this.#counters.resets++
    const before = this.#dispatch
    const [identity, dispatch] = this.#mint()
    this.#dispatch = dispatch
    const messages = carryOver(this.#session, identity.session, heard, this.#options, before, why)
    // After the new session is in place: what a listener sends goes there.
    this.#runtime.soon(() => {
      before.end({ ...why, code: "session-reset" })
      this.#waiters.wake(why)
      this.#events.emit("reset", { closing: why, messages })
    })
    return identity
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
    const messages = messagesOf(this.#session.end().unacknowledged, this.#options.codec)
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
