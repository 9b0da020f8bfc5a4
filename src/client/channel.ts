import type {
  Ability,
  AnyContract,
  Asked,
  Contract,
  DataOf,
  HandlerOf,
  InputItemOf,
  InputOf,
  ItemOf,
  NameOf,
  OutputOf,
  RequestNameOf,
  Said,
  StreamNameOf,
} from "../messaging/contract.ts"
import type { Stage } from "../messaging/dispatch-host.ts"
import type { MessagesOptions } from "../messaging/message-loop.ts"
import type { RequestOptions, StreamOptions } from "../messaging/request-options.ts"
import type { ChannelContract, ContractOption } from "../messaging/schema-contract.ts"
import type { SubscribeOptions, Unsubscribe } from "../messaging/subscription.ts"
import type { Dialer } from "../transports/transport.ts"
import type { Incident } from "./connect/incident.ts"
import type { Explanation } from "./explain.ts"
import { LiveChannel } from "./live-channel.ts"
import type { ChannelOptions, Reset, Status, StatusDetail } from "./options.ts"
import type { ChannelStats } from "./stats.ts"

/** What `await using` closes, where the types of the language have it: TypeScript 5.2 and `lib: ["esnext.disposable"]`. */
type Disposer = SymbolConstructor extends { readonly asyncDispose: infer Key extends symbol }
  ? { [Member in Key]: () => Promise<void> }
  : object

/** Key of a property that no channel has. It is there for the compiler alone: see `Ability`. */
declare const ability: unique symbol

/** The client: a connection that lasts, whichever transport carries it. `createChannel` makes one. */
export interface Channel<C extends Contract<C> = AnyContract> extends Disposer {
  readonly [ability]?: Ability<C>
  /** Resolves when the channel opens for the first time; rejects with an EverwireError when it ends before. */
  readonly opened: Promise<void>
  /** Whether the channel is connected, will be connected again, or is closed for good. */
  readonly status: Status
  /** Name of the transport that carries the session now. */
  readonly transport: string | undefined
  /** Smoothed round trip in milliseconds; 0 until measured. */
  readonly rttMs: number
  /** Public id of this channel's peer at the hub. Undefined until the channel has been open. */
  readonly peerId: string | undefined
  /** Bytes of what was sent and the hub has not acknowledged yet. */
  readonly bufferedBytes: number

  /**
   * Sends a message: delivered exactly once and in order within the session, now or when the wire is back. Returns
   * `false` when more waits to be acknowledged than the link carries in about a second (4 KiB while its speed is not
   * known): the message was taken, `writable()` tells when there is room.
   *
   * With options it may be dropped instead: see {@link SendOptions}.
   *
   * @throws EverwireError `closed`, `misuse`, `payload-unsupported`, `payload-too-large`, and `buffer-full` when the
   * outbox cannot hold it: then it was not taken.
   */
  send<N extends NameOf<C, "up">>(name: N, ...data: Said<DataOf<C, "up", N>>): boolean

  /** Asks the hub. @throws EverwireError (as a rejection) `request-timeout`, `request-aborted`, `request-failed`, ... */
  request<N extends RequestNameOf<C, "requests">>(
    name: N,
    ...data: Asked<InputOf<C, "requests", N>, RequestOptions<InputItemOf<C, "requests", N>>>
  ): Promise<OutputOf<C, "requests", N>>

  /**
   * Asks the hub for a stream: what its handler yields. The request is sent at once. The hub sends up to 16 items ahead of
   * the loop, so a loop that takes nothing stops the handler. To leave the loop, or to abort `signal`, ends the
   * handler too: the `finally` of a generator runs there.
   *
   * @throws EverwireError `closed`, `misuse`, `payload-unsupported`, `payload-too-large`; in the loop the code that the
   * handler failed with, `request-aborted` or `session-reset`
   * @example for await (const word of channel.stream("ask", { prompt })) show(word)
   */
  stream<N extends StreamNameOf<C, "requests">>(
    name: N,
    ...data: Asked<InputOf<C, "requests", N>, StreamOptions<InputItemOf<C, "requests", N>>>
  ): AsyncGenerator<ItemOf<C, "requests", N>, void, void>

  /** Hears messages of this name. What the handler throws, or rejects with if it is async, reaches `onError`. */
  on<N extends NameOf<C, "down">>(
    name: N,
    handler: (data: DataOf<C, "down", N>, channel: Channel<C>) => void,
    options?: SubscribeOptions,
  ): Unsubscribe

  /** Answers the hub's requests of this name. What it throws reaches the hub as `request-failed`, a `RequestFailure` as it is. */
  handle<N extends NameOf<C, "asks">>(
    name: N,
    handler: HandlerOf<C, "asks", N, Channel<C>>,
    options?: SubscribeOptions,
  ): Unsubscribe

  /**
   * Messages of this name from now on, until the channel closes or the loop is left. What comes while the loop is busy, or
   * before it begins, waits for it in memory: up to 10 000 messages, see {@link MessagesOptions}.
   *
   * @throws EverwireError `misuse`; in the loop `buffer-full`
   * @example for await (const line of channel.messages("chat")) show(line)
   */
  messages<N extends NameOf<C, "down">>(
    name: N,
    options?: MessagesOptions,
  ): AsyncGenerator<DataOf<C, "down", N>, void, void>

  /** Calls back on every change of status or transport. */
  onStatus(listener: (status: Status, detail: StatusDetail) => void, options?: SubscribeOptions): Unsubscribe

  /**
   * Calls back when a session ended with messages whose fate is unknown: it could not be resumed, or the channel is closed
   * (`channel.status` says so; then it comes just before `onStatus`, and only where there are such messages).
   */
  onReset(listener: (reset: Reset) => void, options?: SubscribeOptions): Unsubscribe

  /** Calls back, at the end of the tick, for each dial, welcome, takeover and end of a link: see {@link Incident}. */
  onIncident(listener: (incident: Incident) => void, options?: SubscribeOptions): Unsubscribe

  /** Hears what the application's own handlers and `auth` threw. Without a listener they are reported to the platform. */
  onError(listener: (error: unknown, stage: Stage | "connection") => void, options?: SubscribeOptions): Unsubscribe

  /** Resolves when there is room for `send` again. Rejects when the channel closes first. */
  writable(): Promise<void>

  /**
   * Resolves when the hub has acknowledged everything that was sent so far, which it is asked to do at once: otherwise it
   * acknowledges after 250 ms, 256 messages or 64 KiB. Rejects when the session ends first, and with `payload-too-large`
   * when a message was sent before the hub had told its limit and is larger than that.
   */
  flush(): Promise<void>

  /** Dials at once whatever is being waited for, and forgets which transports were thought broken. For a "try again" button. */
  retry(): void

  /** Which transport carries the session, why, and what happened to the others. */
  explain(): Explanation

  /** What the channel has sent, received and gone through since it was created: numbers for a graph. */
  stats(): ChannelStats

  /**
   * Ends the session. What was sent is given up to `flushMs` (default 1 000 milliseconds) to be acknowledged, then the hub is told.
   * Resolves when the hub has heard it, so a program may end right behind it; or after three seconds more, when the hub
   * cannot be reached. Safe to call again: that waits for the same.
   */
  close(options?: { flushMs?: number | undefined }): Promise<void>
}

/** The class of all channels, for `instanceof`. */
export const Channel: new <C extends Contract<C> = AnyContract>(
  url: string | URL,
  options: ChannelOptions & ContractOption<ChannelContract<C>>,
  dialers: readonly Dialer[],
) => Channel<C> = LiveChannel
