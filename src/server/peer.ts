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
import type {
  Dispatch,
  Handlers,
  MessageHandler,
  RequestContext,
  RequestHandler,
  RequestOptions,
  Unsubscribe,
} from "../messaging/dispatch.ts"
import { encodeMessage } from "../messaging/dispatch.ts"
import { callSafely } from "../session/call-safely.ts"
import type { Session } from "../session/session.ts"
import type { Packet } from "../wire/batch.ts"
import { type Closing, closing, EverwireError } from "../wire/errors.ts"
import { checkFunction } from "../wire/packet.ts"
import { checkRoom, type Rooms } from "./rooms/rooms.ts"
import type { PacketList } from "./sessions/shared-outbox.ts"

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

/** One call of `onClose`. */
interface CloseSubscription {
  /** Undefined once it is cancelled. */
  listener: ((closing: PeerClosing) => unknown) | undefined
}

/** What a peer needs of the registry that made it. */
export interface PeerHost {
  readonly session: Session
  readonly dispatch: Dispatch<Peer>
  /** Handlers of this peer alone. */
  readonly own: Handlers<Peer>
  readonly rooms: Rooms<Peer>
  readonly principal: Principal
  maxPayloadBytes(): number
  readonly address: string
  /** Answers whether there is room for more: not in a session that has ended, or ends because there is none. */
  tell(packet: Packet, list?: PacketList): boolean
  writable(): Promise<void>
  flush(): Promise<void>
  end(why: Closing): void
  /** Why nothing is asked any more, if so. */
  readonly askRefusal: EverwireError | undefined
  /** A handler of this peer alone is set. */
  handles(name: string): void
  /** What was asked is held until this has settled. */
  holdUntil(answering: Promise<unknown>): void
  /** What a listener of this peer threw. */
  failed(error: unknown, stage: "listener"): void
  soon(run: () => void): void
}

/**
 * The hub's view of one channel. It outlives links: a peer is the same through every reconnect of its session. `P` is
 * what `authenticate` returns.
 */
export class Peer<C extends Contract<C> = AnyContract, P extends Principal = Principal> {
  /** Public id: may be shown and logged. */
  readonly id: string
  /** Room for the application's own knowledge of this peer. */
  data: unknown
  readonly #host: PeerHost
  /** Rooms this peer is in. */
  #rooms: Set<string> | undefined
  /**
   * Listeners of the end, then what they were told. One field, because most peers have one listener. A list that is never
   * changed, so that listeners may come and go while they are called.
   */
  #onClose: readonly CloseSubscription[] | PeerClosing | undefined

  constructor(id: string, host: PeerHost) {
    this.id = id
    this.#host = host
  }

  /** What `authenticate` returned for it. */
  get principal(): P {
    return this.#host.principal as P // `authenticate` of the hub that made this peer returned it
  }
  /** Whether a link is up now. What is sent meanwhile waits for the next one. */
  get connected(): boolean {
    return this.#host.session.link !== undefined
  }
  /** Name of the transport that carries the talk now. */
  get transport(): string | undefined {
    return this.#host.session.link?.name
  }
  /** Remote address of the link that began the session; `""` where its transport has none. What else of the request
   *  matters, `authenticate` puts into the principal. */
  get address(): string {
    return this.#host.address
  }
  /** Rooms that this peer is in. While `onClose` is called, those that it was in; none after that. */
  get rooms(): ReadonlySet<string> {
    return this.#rooms ?? NO_ROOMS
  }
  get closed(): boolean {
    return this.#host.session.ended
  }
  /** Bytes said and not yet acknowledged. */
  get bufferedBytes(): number {
    return this.#host.session.bufferedBytes
  }

  /**
   * Sends a message: delivered exactly once and in order within the session. Answers `false` when more waits to be
   * acknowledged than the peer's link carries in about a second (4 KiB while its speed is not known): the message was
   * taken, `writable()` tells when there is room. Above 16 MiB the peer is closed with `buffer-full`.
   *
   * @throws EverwireError `misuse`, `payload-unsupported`, `payload-too-large`
   */
  send<N extends NameOf<C, "down">>(name: N, ...data: Said<DataOf<C, "down", N>>): boolean
  send(name: string, data?: unknown): boolean {
    return this.sendEncoded(encodeMessage(name, data, this.#host.maxPayloadBytes()))
  }

  /** For the hub: sends a message that was encoded once for many peers, who share it as the one packet of a list. */
  sendEncoded(packet: Packet, list?: PacketList): boolean {
    return this.#host.tell(packet, list)
  }

  /**
   * Resolves when there is room for `send` again. Rejects with an EverwireError when the peer closes first, or is closed.
   *
   * @example for (const chunk of chunks) if (!peer.send("chunk", chunk)) await peer.writable()
   */
  writable(): Promise<void> {
    return this.#host.writable()
  }

  /**
   * Resolves when the channel has acknowledged everything said so far, which it is asked to do at once: otherwise it
   * acknowledges after 5 s, 256 messages or 64 KiB. Rejects with an EverwireError when the peer closes first, or is closed.
   */
  flush(): Promise<void> {
    return this.#host.flush()
  }

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
  async request(name: string, data?: unknown, options?: RequestOptions): Promise<unknown> {
    if (this.closed) throw new EverwireError("closed", "the peer is closed")
    const refusal = this.#host.askRefusal
    if (refusal !== undefined) throw refusal
    return await this.#host.dispatch.request(name, data, options)
  }

  /** Hears messages of this peer alone. `hub.on` hears those of all. */
  on<N extends NameOf<C, "up">>(name: N, handler: (data: DataOf<C, "up", N>, peer: Peer<C, P>) => void): Unsubscribe {
    // The contract is the application's word for what the other side sends; Peer<C> is Peer at run time.
    const off = this.#host.own.on(name, handler as unknown as MessageHandler<Peer>)
    this.#host.handles(name)
    return off
  }

  /** Answers requests of this peer, before `hub.handle` is asked. */
  handle<N extends NameOf<C, "requests">>(
    name: N,
    handler: HandlerOf<C, "requests", N, Peer<C, P>, RequestContext>,
  ): Unsubscribe {
    return this.#host.own.handle(name, handler as unknown as RequestHandler<Peer>) // as in `on`
  }

  /** @throws EverwireError `misuse` on a room that is no string. */
  join(room: string): void {
    checkRoom(room)
    if (this.closed) return
    this.#rooms ??= new Set()
    this.#rooms.add(room)
    this.#host.rooms.join(room, this as unknown as Peer) // Peer<C> is Peer at run time
  }

  leave(room: string): void {
    if (this.#rooms?.delete(room)) this.#host.rooms.leave(room, this as unknown as Peer) // as in `join`
  }

  /**
   * Calls back once, when the session has ended; at the end of this tick when it has already. `rooms` still has those that
   * the peer was in, up to the first `await` of an async listener.
   */
  onClose(listener: (closing: PeerClosing) => void): Unsubscribe {
    checkFunction(listener)
    const subscription: CloseSubscription = { listener }
    const closing = this.#onClose
    if (isClosing(closing)) this.#host.soon(() => this.#tell(subscription, closing))
    else this.#onClose = [...(closing ?? []), subscription]
    return () => {
      subscription.listener = undefined
      if (!isClosing(this.#onClose)) this.#onClose = this.#onClose?.filter((other) => other !== subscription)
    }
  }

  /** Ends the session. The channel is told, and does not come back. */
  close(reason = "closed by the hub"): void {
    this.#host.end(closing("closed", reason, false))
  }

  /** For the hub: a request of this peer is being answered. */
  holdUntil(answering: Promise<unknown>): void {
    this.#host.holdUntil(answering)
  }

  /** For the registry: the session is over. */
  ended(why: PeerClosing): void {
    for (const room of this.#rooms ?? []) this.#host.rooms.leave(room, this as unknown as Peer) // as in `join`
    const subscriptions = this.#onClose
    this.#onClose = why
    if (!isClosing(subscriptions)) for (const each of subscriptions ?? []) this.#tell(each, why)
    this.#rooms = undefined
  }

  #tell({ listener }: CloseSubscription, why: PeerClosing): void {
    callSafely(
      () => listener?.(why),
      (error) => this.#host.failed(error, "listener"),
    )
  }
}

function isClosing(given: readonly CloseSubscription[] | PeerClosing | undefined): given is PeerClosing {
  return given !== undefined && "code" in given
}

const NO_ROOMS: ReadonlySet<string> = new Set()
