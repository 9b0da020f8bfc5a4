import type {
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
import type { RequestContext } from "../messaging/handlers.ts"
import type { RequestOptions } from "../messaging/request-options.ts"
import type { SubscribeOptions, Unsubscribe } from "../messaging/subscription.ts"
import type { Closing } from "../wire/errors.ts"

/** Who is at the other end, as `authenticate` found. A session answers only to the principal that began it. */
export interface Principal {
  /** Tells principals apart. */
  readonly id: string
}

/** What became of a peer. */
export interface PeerClosing extends Closing {
  /** Messages said to the peer whose arrival was never acknowledged. One that found no room was not taken. */
  readonly undelivered: number
}

/**
 * The hub's view of one channel. It outlives links: a peer is the same through every reconnect of its session. `P` is
 * what `authenticate` returns, `D` is what the application keeps in `data`.
 */
export interface Peer<C extends Contract<C> = AnyContract, P extends Principal = Principal, D = unknown> {
  /** Public id: may be shown and logged. */
  readonly id: string
  /**
   * Room for the application's own knowledge of this peer. `undefined` until the application sets it: in `onPeer`, before
   * anything of the peer is heard. Where that is done later, write a type that says so, like `Player | undefined`.
   */
  data: D
  /** What `authenticate` returned for it. */
  readonly principal: P
  /** Whether a link is up now. What is sent meanwhile waits for the next one. */
  readonly connected: boolean
  /** Name of the transport that carries the talk now. */
  readonly transport: string | undefined
  /** Remote address of the link that began the session; `""` where its transport has none. What else of the request
   *  matters, `authenticate` puts into the principal. */
  readonly address: string
  /** Rooms that this peer is in. While `onClose` is called, those that it was in; none after that. */
  readonly rooms: ReadonlySet<string>
  readonly closed: boolean
  /** Bytes said and not yet acknowledged. */
  readonly bufferedBytes: number
  /**
   * Sends a message: delivered exactly once and in order within the session. Answers `false` when more waits to be
   * acknowledged than the peer's link carries in about a second (4 KiB while its speed is not known): the message was
   * taken, `writable()` tells when there is room. Above 16 MiB the peer is closed with `buffer-full`.
   *
   * @throws EverwireError `misuse`, `payload-unsupported`, `payload-too-large`
   */
  send<N extends NameOf<C, "down">>(name: N, ...data: Said<DataOf<C, "down", N>>): boolean

  /**
   * Resolves when there is room for `send` again. Rejects with an EverwireError when the peer closes first, or is closed.
   *
   * @example for (const chunk of chunks) if (!peer.send("chunk", chunk)) await peer.writable()
   */
  writable(): Promise<void>

  /**
   * Resolves when the channel has acknowledged everything said so far, which it is asked to do at once: otherwise it
   * acknowledges after 5 s, 256 messages or 64 KiB. Rejects with an EverwireError when the peer closes first, or is closed.
   */
  flush(): Promise<void>

  /**
   * Asks the channel.
   *
   * @throws EverwireError (as a rejection) `request-timeout`, `request-failed`, ...; `hub-closing` when the hub drains and
   * this channel was about to be told to move: it was not asked.
   */
  request<N extends NameOf<C, "asks">>(
    name: N,
    ...data: Asked<InputOf<C, "asks", N>, RequestOptions>
  ): Promise<OutputOf<C, "asks", N>>

  /** Hears messages of this peer alone. `hub.on` hears those of all. */
  on<N extends NameOf<C, "up">>(
    name: N,
    handler: (data: DataOf<C, "up", N>, peer: Peer<C, P, D>) => void,
    options?: SubscribeOptions,
  ): Unsubscribe

  /** Answers requests of this peer, before `hub.handle` is asked. */
  handle<N extends NameOf<C, "requests">>(
    name: N,
    handler: HandlerOf<C, "requests", N, Peer<C, P, D>, RequestContext>,
    options?: SubscribeOptions,
  ): Unsubscribe

  /** @throws EverwireError `misuse` on a room that is no string. */
  join(room: string): void

  leave(room: string): void

  /**
   * Calls back once, when the session has ended; at the end of this tick when it has already. `rooms` still has those that
   * the peer was in, up to the first `await` of an async listener.
   */
  onClose(listener: (closing: PeerClosing) => void, options?: Pick<SubscribeOptions, "signal">): Unsubscribe

  /** Ends the session. The channel is told, and does not come back. */
  close(reason?: string): void
}
