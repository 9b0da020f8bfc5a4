import { Dispatch } from "../../messaging/dispatch.ts"
import type { DispatchHost, Stage } from "../../messaging/dispatch-host.ts"
import { Handlers } from "../../messaging/handlers.ts"
import type { Checking } from "../../messaging/schema-contract.ts"
import type { Link } from "../../session/link.ts"
import type { Runtime } from "../../session/runtime.ts"
import { isThenable } from "../../session/thenable.ts"
import type { Packet } from "../../wire/batch.ts"
import type { Codec } from "../../wire/codec.ts"
import { type Closing, closing, closingError, type EverwireError } from "../../wire/errors.ts"
import { ITEM } from "../../wire/kinds.ts"
import { kindOf, openPacket } from "../../wire/packet.ts"
import type { HubCounts } from "../counts.ts"
import type { HubObserver } from "../observer.ts"
import { observeRequest } from "../observers.ts"
import { isPermitted, type Permit } from "../permission.ts"
import type { HubPeer } from "./hub-peer.ts"
import { type KeptBytes, TOO_MUCH } from "./kept-bytes.ts"
import { MissedNames } from "./missed-names.ts"
import { OpenRequests } from "./open-requests.ts"
import { mostBytesOf } from "./packet-list.ts"
import { type Loop, UnreadItems } from "./unread-items.ts"

/** What the messages and requests of a peer need from the hub. */
export interface PeerDispatchHost {
  readonly runtime: Runtime
  /** The hub's handlers, in one list for all peers that have no handlers of their own. */
  readonly handlers: readonly Handlers<HubPeer>[]
  /** Undefined without a contract that has schemas. */
  readonly contract: Checking | undefined
  readonly maxPayloadBytes: number
  readonly maxRequestBytes: number
  /** Undefined if every message and request is permitted. */
  readonly permit: Permit | undefined
  /** Names of messages that had no handler. */
  readonly missed: MissedNames
  readonly hub: string
  readonly observer: HubObserver
  readonly counts: HubCounts
  readonly kept: KeptBytes
  failed(error: unknown, stage: Stage, peer: HubPeer): void
}

/** The session that carries the peer's packets. */
interface Carrier {
  readonly peer: HubPeer
  readonly session: { readonly link: Link | undefined; retract(packet: Packet): void }
  readonly encoder: { readonly codec: Codec | undefined }
  say(packet: Packet): void
  /** For how long the packet that is being heard has waited since it arrived, in milliseconds. */
  readonly waitedMs: number
  readonly waits: { room(): Promise<void> }
  /** Ends the session because the hub keeps too much. */
  makeRoom(why: Closing): void
  /** What came over this link was not accepted. */
  refused(why: Closing, link: Link | undefined): void
}

/** How many names without a handler are remembered for each peer. */
const MAX_MISSED_NAMES = 16

/**
 * The messages and requests of one peer: its handlers, and which requests are open. Made when the first message is
 * handled or the first request is sent, because most peers only receive messages.
 */
export class PeerDispatch implements DispatchHost<HubPeer> {
  readonly dispatch: Dispatch<HubPeer>
  /** The peer's own handlers if it has any, then the hub's. */
  handlers: readonly Handlers<HubPeer>[]
  /** Set only if the application judges messages and requests. */
  readonly refusal: DispatchHost<HubPeer>["refusal"]
  readonly #host: PeerDispatchHost
  readonly #carrier: Carrier
  /** Names of this peer's messages that had no handler. */
  #missed: MissedNames | undefined
  /** Requests of the channel that are being answered. Made for its first request. */
  #requests: OpenRequests | undefined
  /** Items and messages that no loop has read yet. Made for the first of them. */
  #unread: UnreadItems | undefined
  /** The packet that is being delivered, of which loops over messages may keep what is in it. */
  #delivered: Packet = ""
  #isClosed = false

  constructor(host: PeerDispatchHost, carrier: Carrier) {
    this.#host = host
    this.#carrier = carrier
    this.handlers = host.handlers
    const { permit } = host
    this.refusal = permit && ((kind, name, data) => this.#judge(permit, kind, name, data))
    this.dispatch = host.contract?.dispatch("hub", host.runtime, this) ?? new Dispatch(host.runtime, this)
  }

  get waitedMs(): number {
    return this.#carrier.waitedMs
  }
  /** The peer's own handlers. Made for the first of them. */
  get own(): Handlers<HubPeer> {
    const [own] = this.handlers
    if (own !== undefined && this.handlers !== this.#host.handlers) return own
    const first = new Handlers<HubPeer>((error) => this.failed(error, "listener"))
    if (this.#isClosed) first.close()
    this.handlers = [first, ...this.#host.handlers]
    return first
  }

  /** Delivers a packet. What waits for a loop then is counted among the memory kept for the peer. */
  deliver(packet: Packet): void {
    if (kindOf(packet) === ITEM) return this.#deliverItem(packet)
    this.#delivered = packet
    try {
      this.dispatch.deliver(packet)
    } finally {
      this.#delivered = ""
    }
  }

  #deliverItem(packet: Packet): void {
    const [asked] = this.dispatch.open
    const stream = asked?.get(openPacket(packet).id.split(",")[0] ?? "") // as `Dispatch` reads it
    if (stream === undefined) return this.dispatch.deliver(packet)
    this.#count(stream, packet, () => this.dispatch.deliver(packet))
  }

  /**
   * The handler of a loop over messages: it passes each on to `heard`, and counts it until the loop has read it.
   * `isReplacing`: whether a message that finds a full queue replaces the oldest one there.
   */
  handlerOf(loop: Loop, heard: (data: unknown) => void, isReplacing: boolean): (data: unknown) => void {
    return (data) => this.#count(loop, this.#delivered, () => heard(data), isReplacing)
  }

  /** Makes room for a packet, which may end the session. Counts it if `add` has put it into the queue of this loop. */
  #count(loop: Loop, packet: Packet, add: () => void, isReplacing = false): void {
    const bytes = mostBytesOf(packet, undefined, undefined)
    if (!this.#host.kept.grow(bytes)) this.#carrier.makeRoom(TOO_MUCH)
    if (this.#isClosed) return
    const before = loop.queue?.length
    add()
    if (loop.queue === undefined || (loop.queue.length === before && !isReplacing)) return
    this.#unread ??= new UnreadItems()
    this.#unread.add(loop, bytes)
  }

  get unreadBytes(): number {
    return this.#unread?.ownBytes ?? 0
  }

  /** Drops the items and messages that no loop has read. */
  makeRoom(why: Closing): void {
    this.#unread?.makeRoom(why)
  }

  /**
   * The session has ended. Its own handlers remove their listeners from the signals that they were given. Loops may still
   * read items that came before.
   */
  close(): void {
    this.#isClosed = true
    if (this.#unread !== undefined && this.unreadBytes > 0) this.#host.kept.leave(this.#unread)
    if (this.handlers !== this.#host.handlers) this.own.close()
  }

  /** Call it when a handler of this peer alone was set. */
  handles(name: string): void {
    const error = this.#missed?.late(name)
    if (error !== undefined) this.failed(error, "message")
  }

  /** Why a request of this size is refused, because too many are being answered; undefined if it is not. */
  refusalOf(size: number): EverwireError | undefined {
    this.#requests ??= new OpenRequests()
    return this.#requests.refusal(size, this.#host.maxRequestBytes)
  }

  /** A request counts as open until its handler has answered, even after the channel has given up. */
  answering(name: string, handle: () => unknown): () => unknown {
    return () => {
      this.#host.counts.requests++
      const answer = observeRequest(this.#host, this.#carrier.peer.id, name, handle)
      if (!isThenable(answer)) return answer
      // A thenable that is no Promise may start its work on each `then`, so call that only once.
      const answering = Promise.resolve(answer)
      this.#requests?.holdUntil(answering)
      return answering
    }
  }

  #judge(permit: Permit, kind: "message" | "request", name: string, data: unknown): EverwireError | undefined {
    const { peer, session } = this.#carrier
    const permitted = isPermitted(
      "permit",
      () => permit({ peer, kind, name, data }),
      (error) => this.failed(error, kind),
    )
    if (permitted) return undefined
    const why = closing("forbidden", `this peer may not send the ${kind} "${name}"`, false)
    this.#carrier.refused(why, session.link)
    return closingError(why)
  }

  say(packet: Packet): void {
    this.#carrier.say(packet)
  }
  retract(packet: Packet): void {
    this.#carrier.session.retract(packet)
  }
  writable(): Promise<void> {
    return this.#carrier.waits.room()
  }
  maxPayloadBytes(): number {
    return this.#host.maxPayloadBytes
  }
  get codec(): Codec | undefined {
    return this.#carrier.encoder.codec
  }
  context(): HubPeer {
    return this.#carrier.peer
  }
  failed(error: unknown, stage: Stage): void {
    this.#host.failed(error, stage, this.context())
  }
  refused(error: EverwireError): void {
    this.#carrier.refused(closing(error.code, error.message), this.#carrier.session.link)
  }
  missed(name: string): void {
    this.#missed ??= new MissedNames(MAX_MISSED_NAMES)
    this.#missed.add(name)
    this.#host.missed.add(name)
  }
}
