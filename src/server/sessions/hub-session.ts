import type { Dispatch, MessageEncoder, Stage } from "../../messaging/dispatch.ts"
import { failureOf } from "../../messaging/failure.ts"
import type { Handlers } from "../../messaging/handlers.ts"
import { callSafely } from "../../session/call-safely.ts"
import type { Link } from "../../session/link.ts"
import { Session, type SessionHost, type SessionSettings } from "../../session/session.ts"
import { isLarger, isWide, type Packet, sizeOf } from "../../wire/batch.ts"
import { MAX_HEADER_BYTES, PACKET_OVERHEAD_BYTES } from "../../wire/defaults.ts"
import { type Closing, closing, closingError, EverwireError } from "../../wire/errors.ts"
import { writeBye } from "../../wire/handshake.ts"
import { MESSAGE, REQUEST } from "../../wire/kinds.ts"
import { kindOf, openPacket } from "../../wire/packet.ts"
import type { Refusal } from "../admission/refusals.ts"
import type { Site } from "../admission/sites.ts"
import type { Costs } from "../limits/allowance.ts"
import { isNestedDeeper } from "../limits/depth.ts"
import type { FanOut } from "../limits/fan-out.ts"
import { Spending } from "../limits/spending.ts"
import type { Principal } from "../peer.ts"
import type { Rooms } from "../rooms/rooms.ts"
import { AckWaits } from "./ack-waits.ts"
import { HubPeer, type PeerHost } from "./hub-peer.ts"
import { type Keeper, type KeptBytes, TOO_MUCH } from "./kept-bytes.ts"
import { LastCall, NOT_BEGUN } from "./last-call.ts"
import { PeerDispatch, type PeerDispatchHost } from "./peer-dispatch.ts"
import { type LinksHost, SessionLinks } from "./session-links.ts"
import { type LastJoined, type PacketList, SHORT_LENGTH, SharedOutbox } from "./shared-outbox.ts"

/** What a session needs of its hub. */
export interface HubSessionHost extends LinksHost, PeerDispatchHost {
  readonly rooms: Rooms<HubPeer>
  readonly encoder: MessageEncoder
  readonly costs: Costs
  readonly maxDepth: number
  /** The same object for every session that was granted nothing else. */
  readonly settings: SessionSettings
  readonly joined: LastJoined
  /** What stands in the place of every session that has ended. */
  readonly ended: Session
  /** What is kept for all sessions. */
  readonly kept: KeptBytes
  readonly fanOut: FanOut
  /** A link was refused, or ended because of what came on it; or a session, because the hub keeps too much. */
  refused(refusal: Refusal): void
  /** The channel acknowledged more, or something that was open with it may be over. */
  progressed(hubSession: HubSession): void
  /** The session has no link any more: how long it may stay so. `mayReturn`: see {@link SessionLinks.detached}. */
  windowMs(hubSession: HubSession, mayReturn: boolean): number
  /** The session has ended and is to be forgotten. */
  forget(hubSession: HubSession, why: Closing): void
}

/** One session of the hub, with what the hub alone knows of it: the key, the principal, the peer, and what it costs. */
export class HubSession implements SessionHost, PeerHost, Keeper {
  readonly id: string
  readonly key: string
  readonly principal: Principal
  /** Remote address of the link that began the session: the one that its cap counts. */
  readonly address: string
  /** When it has ended, the hub's {@link HubSessionHost.ended}, so that an application that keeps the peer keeps nothing of it. */
  session: Session
  readonly peer: HubPeer
  readonly links: SessionLinks
  readonly #host: HubSessionHost
  readonly #outbox: SharedOutbox
  /** What the channel had acknowledged when the hub last counted what it keeps. */
  #taken = 0
  /** Made when there is something to handle or to ask. */
  #dispatch: PeerDispatch | undefined
  /** What waits for acks, once something has. */
  #waits: AckWaits | undefined
  /** Set once nothing new is begun with the channel. */
  #lastCall: LastCall | undefined
  /** How many of its links have brought what still waits to be heard. */
  backlogs = 0
  /** Bytes of what waits in them. */
  waitingBytes = 0
  /** Made when there is first something to count: many sessions of strangers never bring anything. */
  #spending: Spending | undefined
  readonly #site: Site | undefined

  constructor(host: HubSessionHost, id: string, key: string, principal: Principal, address: string, site?: Site) {
    this.#host = host
    this.id = id
    this.key = key
    this.principal = principal
    this.address = address
    this.#site = site
    this.#outbox = new SharedOutbox(host.joined)
    this.session = new Session(host.clockwork, this, host.settings, this.#outbox)
    this.links = new SessionLinks(this, host)
    this.peer = new HubPeer(host.runtime.id(), this)
  }

  /** Where a link stands that has been welcomed to it: see `HubLink`. */
  get stage(): "admitted" {
    return "admitted"
  }
  get #dispatching(): PeerDispatch {
    if (this.#dispatch !== undefined) return this.#dispatch
    this.#dispatch = new PeerDispatch(this.#host, this)
    if (this.session.ended) this.#dispatch.close()
    return this.#dispatch
  }
  get dispatch(): Dispatch<HubPeer> {
    return this.#dispatching.dispatch
  }
  get own(): Handlers<HubPeer> {
    return this.#dispatching.own
  }
  get rooms(): Rooms<HubPeer> {
    return this.#host.rooms
  }
  get spending(): Spending {
    this.#spending ??= new Spending(this.#host, this.#site)
    return this.#spending
  }
  get encoder(): MessageEncoder {
    return this.#host.encoder
  }
  maxPayloadBytes(): number {
    return this.#host.maxPayloadBytes
  }

  say(packet: Packet, list?: PacketList, place?: number): void {
    this.#say(packet, list, place)
    // What belongs to a request that is open still arrives; a message is sent before the bye, and not waited for.
    if (this.#lastCall !== undefined && kindOf(packet) !== MESSAGE) this.#lastCall.awaitSaid()
  }
  #say(packet: Packet, list?: PacketList, place?: number): void {
    this.#host.fanOut.said++
    // What is shared has been counted. Beside it the packet may wait once more in the link, as UTF-8.
    const size = sizeOf(packet)
    const wide = size < SHORT_LENGTH || isWide(packet)
    const inLink = this.session.link === undefined ? 0 : wide ? 3 : 1
    const bytes = (inLink + (list ? 0 : wide ? 2 : 1)) * size + PACKET_OVERHEAD_BYTES
    if (!this.#host.kept.grow(bytes)) this.makeRoom(TOO_MUCH)
    try {
      this.session.say(packet, list, place)
    } catch (error) {
      this.end(closing("buffer-full", "the channel does not keep up", false))
      throw error
    }
  }
  /** Says it if the session is there to hear it, and answers whether there is room for more. */
  tell(packet: Packet, list?: PacketList, place?: number): boolean {
    const { session } = this
    if (session.ended) return false
    try {
      this.say(packet, list, place)
    } catch (error) {
      if (!(error instanceof EverwireError)) throw error
      return false
    }
    return session.hasRoom && !session.ended
  }
  get ownBytes(): number {
    return 2 * (this.session.part ?? 0) + this.waitingBytes + this.links.keptBytes
  }
  lists(): Iterable<PacketList> {
    return this.#outbox.lists()
  }
  hasTaken(): boolean {
    const { acked } = this.session
    const hasTaken = acked > this.#taken
    this.#taken = acked
    return hasTaken
  }
  /** The hub is leaving: what is open is brought to its end, and no request is begun any more. */
  lastCall(): void {
    this.#lastCall = new LastCall(this, this.#host.clockwork)
    this.#lastCall.begin()
  }
  /** Whether nothing holds the session, after its last call: see {@link LastCall.isFree}. */
  get isFree(): boolean {
    return this.session.ended || this.#lastCall?.isFree === true
  }
  /** Why a request of the hub is not begun any more; one that an open request of the channel needs still is. */
  get askRefusal(): EverwireError | undefined {
    return this.#lastCall?.askRefusal
  }
  get openRequests(): readonly [asked: number, answering: number] {
    const [asked = 0, answering = 0] = this.#dispatch?.dispatch.open ?? []
    return [asked, answering]
  }
  failed(error: unknown, stage: Stage): void {
    this.#host.failed(error, stage, this.peer)
  }
  handles(name: string): void {
    this.#dispatch?.handles(name)
  }
  soon(run: () => void): void {
    this.#host.runtime.soon(run)
  }
  windowMs(mayReturn: boolean): number {
    return this.#host.windowMs(this, mayReturn)
  }
  isAway(): void {
    this.#lastCall?.awaitReturn()
    this.#host.progressed(this)
  }

  /** Ends the session on both sides. */
  end(why: Closing): void {
    if (this.session.ended) return
    const { link } = this.session
    this.session.flushNow(true)
    // What was heard is acknowledged, so that the channel does not take it for lost.
    // Over HTTP an ack that has gone may be on its way beside the bye, which overtakes it.
    const isOwed = this.session.owesAck || (link?.exchanges && this.session.heard > 0)
    const ack = link !== undefined && isOwed ? this.session.acknowledgement(link) : undefined
    if (ack !== undefined) link?.send(ack)
    const { unacknowledged } = this.session.end()
    const told: Closing = why.code === "closed" ? { ...why, code: "closed-by-peer" } : why
    this.links.end(told)
    link?.send(writeBye(told, { hub: this.#host.hub }))
    link?.close(told)
    this.#dispatch?.dispatch.end(why)
    this.#waits?.end(() => closingError(why))
    this.#waits = undefined
    this.#host.forget(this, told)
    this.session = this.#host.ended
    this.#outbox.clear()
    const undelivered = unacknowledged.filter((packet) => kindOf(packet) === MESSAGE).length
    this.peer.ended({ undelivered, ...why })
    this.#dispatch?.close()
  }

  deliver(packet: Packet): void {
    const { maxPayloadBytes, maxDepth } = this.#host
    if (isLarger(packet, maxPayloadBytes + MAX_HEADER_BYTES)) {
      throw new EverwireError("too-large", "a payload that is larger than the welcome allowed")
    }
    if (isNestedDeeper(packet, maxDepth)) {
      throw new EverwireError("too-large", `a payload that is nested deeper than ${maxDepth} levels`)
    }
    if (kindOf(packet) === REQUEST) {
      const refusal = this.#refusalOf(sizeOf(packet))
      if (refusal !== undefined) {
        const failure = failureOf(openPacket(packet).id, refusal)
        callSafely(() => this.#say(failure)) // a session without room has ended by this
        if (refusal !== NOT_BEGUN) this.refused(closing(refusal.code, refusal.message), this.session.link)
        return
      }
    }
    this.dispatch.deliver(packet)
    if (this.#lastCall !== undefined) this.#host.progressed(this)
  }

  /** Why a request is not begun, if it is not. */
  #refusalOf(size: number): EverwireError | undefined {
    // After the last call its code says that it was not begun.
    if (this.#lastCall?.refusesRequests === true) {
      this.#host.progressed(this)
      return NOT_BEGUN
    }
    return this.#dispatching.refusalOf(size)
  }

  holdUntil(answering: Promise<unknown>): void {
    this.#dispatch?.holdUntil(answering)
  }
  control(link: Link, packet: string): void {
    this.links.control(link, packet)
  }

  /** Tells the hub's owner what was not taken of this session. */
  refused({ code, reason }: Closing, link: Link | undefined): void {
    const transport = link?.name ?? ""
    const address = this.address || undefined
    this.#host.refused({ code, reason, stage: "session", transport, address, origin: undefined })
  }

  /** Ends it because the hub keeps too much. What its links keep goes too: they are cut where the channel does not take it. */
  makeRoom(why: Closing): void {
    if (this.session.ended) return
    this.refused(why, this.session.link)
    this.links.cut(why)
    this.end(why)
  }

  /** The link has room, or its channel has asked for more. */
  linkWritable(link: Link): void {
    this.session.writable(link)
    this.#host.progressed(this)
  }

  doubted(): void {
    // The hub does not probe: it hangs up on silence, and the channel judges the link.
  }

  silent(link: Link): void {
    this.links.silent(link)
  }

  answered(): void {
    this.#waits?.acknowledged()
    this.#host.progressed(this)
  }

  writable(): Promise<void> {
    return this.#awaiting.room()
  }
  flush(): Promise<void> {
    return this.#awaiting.arrival()
  }
  get #awaiting(): AckWaits {
    this.#waits ??= new AckWaits(this)
    return this.#waits
  }
}
