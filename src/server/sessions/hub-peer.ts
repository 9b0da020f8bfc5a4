import type { Dispatch, MessageEncoder } from "../../messaging/dispatch.ts"
import type { Handlers, MessageHandler, RequestContext, RequestHandler } from "../../messaging/handlers.ts"
import { checkNames } from "../../messaging/option-names.ts"
import type { RequestOptions } from "../../messaging/request-options.ts"
import {
  type SubscribeOptions,
  type Subscription,
  subscribe,
  tell,
  type Unsubscribe,
} from "../../messaging/subscription.ts"
import type { Session } from "../../session/session.ts"
import type { Packet } from "../../wire/batch.ts"
import { type Closing, closing, EverwireError } from "../../wire/errors.ts"
import type { Peer, PeerClosing, Principal } from "../peer.ts"
import { checkRoom, type Rooms } from "../rooms/rooms.ts"
import type { PacketList } from "./shared-outbox.ts"

type CloseSubscription = Subscription<(closing: PeerClosing) => unknown>

/** What a peer needs of the registry that made it. */
export interface PeerHost {
  readonly session: Session
  readonly dispatch: Dispatch<HubPeer>
  /** Handlers of this peer alone. */
  readonly own: Handlers<HubPeer>
  readonly rooms: Rooms<HubPeer>
  readonly principal: Principal
  readonly encoder: MessageEncoder
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

/** A peer, with what is for the hub alone. What the contract says is the application's word: here any name is known. */
export class HubPeer implements Peer {
  readonly id: string
  /** As in `principal`. */
  data = undefined as never
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

  /** Of the type that the application's `authenticate` returns, which no code of the hub knows: it fits wherever it is given. */
  get principal(): never {
    return this.#host.principal as never
  }
  get connected(): boolean {
    return this.#host.session.link !== undefined
  }
  get transport(): string | undefined {
    return this.#host.session.link?.name
  }
  get address(): string {
    return this.#host.address
  }
  get rooms(): ReadonlySet<string> {
    return this.#rooms ?? NO_ROOMS
  }
  get closed(): boolean {
    return this.#host.session.ended
  }
  get bufferedBytes(): number {
    return this.#host.session.bufferedBytes
  }

  send(name: string, data?: unknown): boolean {
    return this.sendEncoded(this.#host.encoder.encode(name, data))
  }

  /** For the hub: sends a message that was encoded once for many peers, who share it as the one packet of a list. */
  sendEncoded(packet: Packet, list?: PacketList): boolean {
    return this.#host.tell(packet, list)
  }

  writable(): Promise<void> {
    return this.#host.writable()
  }

  flush(): Promise<void> {
    return this.#host.flush()
  }

  async request(name: string, data?: unknown, options?: RequestOptions): Promise<never> {
    if (this.closed) throw new EverwireError("closed", "the peer is closed")
    const refusal = this.#host.askRefusal
    if (refusal !== undefined) throw refusal
    return (await this.#host.dispatch.request(name, data, options)) as never // as in `principal`
  }

  on(name: string, handler: (data: never, peer: never) => unknown, options?: SubscribeOptions): Unsubscribe {
    const off = this.#host.own.on(name, handler as MessageHandler<HubPeer>, options) // as in `principal`
    this.#host.handles(name)
    return off
  }

  handle(
    name: string,
    handler: (data: never, peer: never, request: RequestContext) => unknown,
    options?: SubscribeOptions,
  ): Unsubscribe {
    return this.#host.own.handle(name, handler as RequestHandler<HubPeer>, options) // as in `principal`
  }

  join(room: string): void {
    checkRoom(room)
    if (this.closed) return
    this.#rooms ??= new Set()
    this.#rooms.add(room)
    this.#host.rooms.join(room, this)
  }

  leave(room: string): void {
    if (this.#rooms?.delete(room)) this.#host.rooms.leave(room, this)
  }

  onClose(listener: (closing: PeerClosing) => void, options?: Pick<SubscribeOptions, "signal">): Unsubscribe {
    checkNames(options, ON_CLOSE_OPTIONS, "onClose")
    // Ended by its only call, which lets go of the signal.
    return subscribe(
      listener,
      { ...options, once: true },
      (error) => this.#host.failed(error, "listener"),
      (subscription) => {
        const closing = this.#onClose
        if (isClosing(closing)) this.#host.soon(() => this.#tell([subscription], closing))
        else this.#onClose = [...(closing ?? []), subscription]
        return () => {
          if (!isClosing(this.#onClose)) this.#onClose = this.#onClose?.filter((other) => other !== subscription)
        }
      },
    )
  }

  close(reason = "closed by the hub"): void {
    this.#host.end(closing("closed", reason, false))
  }

  /** For the hub: a request of this peer is being answered. */
  holdUntil(answering: Promise<unknown>): void {
    this.#host.holdUntil(answering)
  }

  /** For the registry: the session is over. */
  ended(why: PeerClosing): void {
    for (const room of this.#rooms ?? []) this.#host.rooms.leave(room, this)
    const subscriptions = this.#onClose
    this.#onClose = why
    if (subscriptions !== undefined && !isClosing(subscriptions)) this.#tell(subscriptions, why)
    this.#rooms = undefined
  }

  #tell(subscriptions: readonly CloseSubscription[], why: PeerClosing): void {
    tell(subscriptions, (error) => this.#host.failed(error, "listener"), why)
  }
}

/** It is called once without being told to. */
const ON_CLOSE_OPTIONS = { signal: "addEventListener" }

function isClosing(given: readonly CloseSubscription[] | PeerClosing | undefined): given is PeerClosing {
  return given !== undefined && "code" in given
}

const NO_ROOMS: ReadonlySet<string> = new Set()
