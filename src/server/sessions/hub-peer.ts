import type { Dispatch } from "../../messaging/dispatch.ts"
import type { Handlers, MessageHandler, RequestContext, RequestHandler } from "../../messaging/handlers.ts"
import { loopOver, type MessagesOptions } from "../../messaging/message-loop.ts"
import { checkNames } from "../../messaging/option-names.ts"
import type { RequestOptions, StreamOptions } from "../../messaging/request-options.ts"
import { deliveryOf, type SendOptions } from "../../messaging/send-options.ts"
import {
  type SubscribeOptions,
  type Subscription,
  subscribe,
  tell,
  type Unsubscribe,
} from "../../messaging/subscription.ts"
import type { Delivery } from "../../session/delivery/delivery.ts"
import type { Session } from "../../session/session.ts"
import type { Packet } from "../../wire/batch.ts"
import { type Closing, closing, EverwireError } from "../../wire/errors.ts"
import type { Peer, PeerClosing, Principal } from "../peer.ts"
import type { HubEncoder } from "../rooms/encoders.ts"
import { checkRoom, type Rooms } from "../rooms/rooms.ts"
import type { PacketList } from "./packet-list.ts"
import type { Loop } from "./unread-items.ts"

type CloseSubscription = Subscription<(closing: PeerClosing) => unknown>

/** What all peers of a hub share. */
interface PeerCommons {
  readonly rooms: Rooms<HubPeer>
  readonly clockwork: { now(): number }
  readonly runtime: { soon(run: () => void): void }
}

/** What a peer needs from its hub session. */
export interface PeerHost {
  readonly session: Session
  readonly dispatch: Dispatch<HubPeer>
  /** What sees to messages and requests. Made when it is first asked for. */
  readonly dispatching: {
    /** Handlers of this peer alone. */
    readonly own: Handlers<HubPeer>
    /** A handler of this peer alone was set. */
    handles(name: string): void
    /** The handler of a loop over messages: see `PeerDispatch`. */
    handlerOf(loop: Loop, heard: (data: unknown) => void, isReplacing: boolean): (data: unknown) => void
  }
  /** What all peers of the hub share. */
  readonly host: PeerCommons
  readonly principal: Principal
  readonly encoder: HubEncoder
  readonly address: string
  /** Sends a packet. Returns whether there is room for more; `false` also if the session has ended, or ends by this. */
  tell(packet: Packet, list?: PacketList, place?: number, delivery?: Delivery): boolean
  /** Made when it is first asked for. */
  readonly waits: { room(): Promise<void>; arrival(): Promise<void> }
  /** Undefined unless the session is kept in the store, which is to learn of changes. */
  readonly durable: { changed(): void } | undefined
  end(why: Closing): void
  /** Given when the hub drains. `askRefusal`: why no request may be sent any more; undefined if it may. */
  readonly call: { readonly askRefusal: EverwireError | undefined } | undefined
  /** Reports an error that a listener of this peer threw. */
  failed(error: unknown, stage: "listener"): void
}

/** A peer, with members for the hub alone. Contracts exist only as types, so here a message may have any name. */
export class HubPeer implements Peer {
  readonly id: string
  readonly #owner: PeerHost
  #data: unknown
  /** Rooms that this peer is in. Made for the first of them. */
  #rooms: Set<string> | undefined
  /**
   * The `onClose` listeners, and after the end the closing that they got. One field, because most peers have only one
   * listener. The list is replaced and never changed, so that listeners may be added or removed while they are called.
   */
  #onClose: readonly CloseSubscription[] | PeerClosing | undefined

  constructor(id: string, owner: PeerHost) {
    this.id = id
    this.#owner = owner
  }

  /** Typed `never`, which fits every type: only the application knows what its `authenticate` returns. */
  get principal(): never {
    return this.#owner.principal as never
  }
  get data(): never {
    return this.#data as never // see `principal`
  }
  set data(data: unknown) {
    this.#data = data
    this.#owner.durable?.changed()
  }
  get connected(): boolean {
    return this.#owner.session.link !== undefined
  }
  get transport(): string | undefined {
    return this.#owner.session.link?.name
  }
  get address(): string {
    return this.#owner.address
  }
  get rooms(): ReadonlySet<string> {
    return this.#rooms ?? NO_ROOMS
  }
  get closed(): boolean {
    return this.#owner.session.ended
  }
  get bufferedBytes(): number {
    return this.#owner.session.bufferedBytes
  }
  get messageId(): string {
    return `${this.id}:${this.#owner.session.heard}`
  }

  send(name: string, data?: unknown, options?: SendOptions): boolean {
    const { encoder } = this.#owner
    const packet = encoder.encode(name, encoder.checked(name, data))
    return this.sendEncoded(packet, undefined, options && deliveryOf(name, options, this.#owner.host.clockwork.now()))
  }

  /** For the hub: of the codec of this peer's session. */
  get encoder(): HubEncoder {
    return this.#owner.encoder
  }

  /** For the hub: sends a message that was encoded once for many peers. They share it in `list`. */
  sendEncoded(packet: Packet, list?: PacketList, delivery?: Delivery): boolean {
    return this.#owner.tell(packet, list, undefined, delivery)
  }

  writable(): Promise<void> {
    return this.#owner.waits.room()
  }

  flush(): Promise<void> {
    return this.#owner.waits.arrival()
  }

  async request(name: string, data?: unknown, options?: RequestOptions): Promise<never> {
    if (this.closed) throw new EverwireError("closed", "the peer is closed")
    const refusal = this.#owner.call?.askRefusal
    if (refusal !== undefined) throw refusal
    return (await this.#owner.dispatch.request(name, data, options)) as never // see `principal`
  }

  stream(name: string, data?: unknown, options?: StreamOptions): AsyncGenerator<never, void, void> {
    if (this.closed) throw new EverwireError("closed", "the peer is closed")
    const refusal = this.#owner.call?.askRefusal
    if (refusal !== undefined) throw refusal
    return this.#owner.dispatch.stream(name, data, options) as AsyncGenerator<never, void, void> // see `principal`
  }

  on(name: string, handler: (data: never, peer: never) => unknown, options?: SubscribeOptions): Unsubscribe {
    return this.#on(name, handler as MessageHandler<HubPeer>, options) // see `principal`
  }

  messages(name: string, options?: MessagesOptions): AsyncGenerator<never, void, void> {
    const loop = loopOver<unknown>((heard, ended, rest, queue) => {
      const waits = Object.assign(ended, { queue })
      return this.#on(
        name,
        this.#owner.dispatching.handlerOf(waits, heard, options?.overflow === "drop-oldest"),
        rest,
        ended,
      )
    }, options)
    return loop as AsyncGenerator<never, void, void> // see `principal`
  }

  #on(name: string, handler: MessageHandler<HubPeer>, options?: SubscribeOptions, ended?: () => void): Unsubscribe {
    const { dispatching } = this.#owner
    const off = dispatching.own.on(name, handler, options, ended)
    dispatching.handles(name)
    return off
  }

  handle(
    name: string,
    handler: (data: never, peer: never, request: RequestContext<never>) => unknown,
    options?: SubscribeOptions,
  ): Unsubscribe {
    return this.#owner.dispatching.own.handle(name, handler as RequestHandler<HubPeer>, options) // see `principal`
  }

  join(room: string): void {
    checkRoom(room)
    if (this.closed || this.#rooms?.has(room)) return
    this.#owner.host.rooms.checkJoin(room, this)
    this.joinUnasked(room)
  }

  /** For the hub: joins a room that the peer is not in, and that `permitJoin` has allowed. */
  joinUnasked(room: string): void {
    if (this.closed) return // by the application, which was asked
    this.#rooms ??= new Set()
    this.#rooms.add(room)
    this.#owner.host.rooms.join(room, this)
    this.#owner.durable?.changed()
  }

  leave(room: string): void {
    if (!this.#rooms?.delete(room)) return
    this.#owner.host.rooms.leave(room, this)
    this.#owner.durable?.changed()
  }

  onClose(listener: (closing: PeerClosing) => void, options?: Pick<SubscribeOptions, "signal">): Unsubscribe {
    checkNames(options, ON_CLOSE_OPTIONS, "onClose")
    // `once`: the first call ends the subscription and removes its listener from the signal.
    return subscribe(
      listener,
      { ...options, once: true },
      (error) => this.#owner.failed(error, "listener"),
      (subscription) => {
        const closing = this.#onClose
        if (isClosing(closing)) this.#owner.host.runtime.soon(() => this.#tell([subscription], closing))
        else this.#onClose = [...(closing ?? []), subscription]
        return () => {
          if (!isClosing(this.#onClose)) this.#onClose = this.#onClose?.filter((other) => other !== subscription)
        }
      },
    )
  }

  close(reason = "closed by the hub"): void {
    this.#owner.end(closing("closed", reason, false))
  }

  /** For the hub session: the session has ended. */
  ended(why: PeerClosing): void {
    for (const room of this.#rooms ?? []) this.#owner.host.rooms.leave(room, this)
    const subscriptions = this.#onClose
    this.#onClose = why
    if (subscriptions !== undefined && !isClosing(subscriptions)) this.#tell(subscriptions, why)
    this.#rooms = undefined
  }

  #tell(subscriptions: readonly CloseSubscription[], why: PeerClosing): void {
    tell(subscriptions, (error) => this.#owner.failed(error, "listener"), why)
  }
}

/** `once` is not among them, because `onClose` calls back only once anyway. */
const ON_CLOSE_OPTIONS = { signal: "addEventListener" }

function isClosing(given: readonly CloseSubscription[] | PeerClosing | undefined): given is PeerClosing {
  return given !== undefined && "code" in given
}

const NO_ROOMS: ReadonlySet<string> = new Set()
