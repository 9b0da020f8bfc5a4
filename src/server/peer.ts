import type {
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
import type { MessagesOptions } from "../messaging/message-loop.ts"
import type { RequestOptions, StreamOptions } from "../messaging/request-options.ts"
import type { SubscribeOptions, Unsubscribe } from "../messaging/subscription.ts"
import type { Closing } from "../wire/errors.ts"

/** Who is at the other end, as `authenticate` says. Only the principal that began a session can resume it. */
export interface Principal {
  /** Equal for the same principal, different for others. */
  readonly id: string
  /**
   * Until when the hub may rely on this, in milliseconds since the epoch: for a JWT `1000 * exp`. Before that the hub asks
   * the channel for fresh credentials, and judges them with `authenticate`. Default: for as long as the session lasts. A
   * time that has passed refuses the channel, which asks its `auth` again.
   */
  readonly expiresAt?: number | undefined
}

/** Why a peer has closed. */
export interface PeerClosing extends Closing {
  /** Messages that were sent and never acknowledged. One that the outbox had no room for was not sent. */
  readonly undelivered: number
}

/** A peer of any process, as it was when its hub was asked. Plain data. */
export interface PeerDescription<P extends Principal = Principal> {
  /** `peer.id`. */
  readonly id: string
  /** `hub.id` of the hub that has the peer. */
  readonly hub: string
  /** `peer.principal`, as far as it is plain data. */
  readonly principal: P
  readonly connected: boolean
  readonly transport: string | undefined
  readonly address: string
  /** All rooms that the peer was in. */
  readonly rooms: readonly string[]
}

/**
 * The hub's view of one channel. It outlives links: the peer stays the same object while its session reconnects. `P` is
 * what `authenticate` returns, `D` is the type of `data`.
 */
export interface Peer<C extends Contract<C> = AnyContract, P extends Principal = Principal, D = unknown> {
  /** Public id. It is no secret: it may be shown and logged. */
  readonly id: string
  /**
   * The application's own data about this peer. `undefined` until the application sets it, best in `onPeer`, before any
   * input of the peer is handled. If you set it later, choose a type that allows for that, like `Player | undefined`.
   */
  data: D
  /** What `authenticate` returned for the channel last: each hello, and fresh credentials, are judged anew. */
  readonly principal: P
  /** Whether the session has a link now. What is sent without a link waits for the next one. */
  readonly connected: boolean
  /** Name of the transport of the current link. */
  readonly transport: string | undefined
  /**
   * Remote address of the link that began the session; `""` if its transport has none. Other facts about the request
   * must be put into the principal by `authenticate`.
   */
  readonly address: string
  /** Rooms that this peer is in. While `onClose` listeners are called: those that it was in. Empty after that. */
  readonly rooms: ReadonlySet<string>
  readonly closed: boolean
  /** Bytes that were sent and are not acknowledged yet. */
  readonly bufferedBytes: number
  /**
   * The id of the message or request that the hub heard last from this peer: in a handler, before its first `await`, that of
   * the one that is handled. Where sessions are kept in a store, a message may be handled again by another process after a crash,
   * and has the same id then. No two messages have the same one.
   */
  readonly messageId: string
  /**
   * Sends a message. It is delivered exactly once and in order within the session. Returns `false` if more bytes wait
   * for an ack than the peer's link carries in about a second (4 KiB while its speed is unknown). The message was
   * accepted even so; `writable()` resolves when there is room. Above 16 MiB (`maxOutboxBytes`) the peer is closed with
   * `buffer-full`.
   *
   * With options it may be dropped instead: see {@link SendOptions}.
   *
   * @throws EverwireError `misuse`, `payload-unsupported`, `payload-too-large`
   */
  send<N extends NameOf<C, "down">>(name: N, ...data: Said<DataOf<C, "down", N>>): boolean

  /**
   * Resolves when there is room for `send` again. Rejects with an EverwireError if the peer is closed, or closes first.
   *
   * @example for (const chunk of chunks) if (!peer.send("chunk", chunk)) await peer.writable()
   */
  writable(): Promise<void>

  /**
   * Resolves when the channel has acknowledged everything that was sent so far. It is asked to do so at once; otherwise
   * it acknowledges after 5 s, 256 messages or 64 KiB. Rejects like `writable()`.
   */
  flush(): Promise<void>

  /**
   * Sends a request to the channel and resolves with its answer.
   *
   * @throws EverwireError (as a rejection) `request-timeout`, `request-failed`, ...; `hub-closing` if the hub drains
   * and this channel will be told to reconnect: then the request was not sent.
   */
  request<N extends RequestNameOf<C, "asks">>(
    name: N,
    ...data: Asked<InputOf<C, "asks", N>, RequestOptions<InputItemOf<C, "asks", N>>>
  ): Promise<OutputOf<C, "asks", N>>

  /**
   * Asks the channel for a stream, as `channel.stream` asks the hub.
   *
   * @throws EverwireError `closed`, `hub-closing`, `misuse`, `payload-unsupported`, `payload-too-large`; in the loop as
   * with `request`
   */
  stream<N extends StreamNameOf<C, "asks">>(
    name: N,
    ...data: Asked<InputOf<C, "asks", N>, StreamOptions<InputItemOf<C, "asks", N>>>
  ): AsyncGenerator<ItemOf<C, "asks", N>, void, void>

  /** Handles messages of this peer alone. `hub.on` handles those of all peers. */
  on<N extends NameOf<C, "up">>(
    name: N,
    handler: (data: DataOf<C, "up", N>, peer: Peer<C, P, D>) => void,
    options?: SubscribeOptions,
  ): Unsubscribe

  /**
   * Messages of this name of this peer alone, from now on, until the peer closes or the loop is left. What comes while the
   * loop is busy, or before it begins, waits for it in memory: up to 10 000 messages, see {@link MessagesOptions}.
   *
   * @throws EverwireError `misuse`; in the loop `buffer-full`
   * @example for await (const chunk of peer.messages("chunk")) await file.write(chunk)
   */
  messages<N extends NameOf<C, "up">>(
    name: N,
    options?: MessagesOptions,
  ): AsyncGenerator<DataOf<C, "up", N>, void, void>

  /** Answers requests of this peer. A handler that is set here goes before one of `hub.handle`. */
  handle<N extends NameOf<C, "requests">>(
    name: N,
    handler: HandlerOf<C, "requests", N, Peer<C, P, D>>,
    options?: SubscribeOptions,
  ): Unsubscribe

  /**
   * Puts the peer into a room. @throws EverwireError `misuse` if `room` is not a string, `forbidden` if the hub's
   * `permitJoin` does not allow it
   */
  join(room: string): void

  leave(room: string): void

  /**
   * Calls back once, when the session has ended; if it has ended already, at the end of this tick. `rooms` still has
   * the rooms that the peer was in; an async listener must read them before its first `await`.
   */
  onClose(listener: (closing: PeerClosing) => void, options?: Pick<SubscribeOptions, "signal">): Unsubscribe

  /** Ends the session. The channel is told, and does not reconnect. */
  close(reason?: string): void
}
