import type { Dispatch } from "../../messaging/dispatch.ts"
import type { Stage } from "../../messaging/dispatch-host.ts"
import { failureOf } from "../../messaging/failure.ts"
import { callSafely } from "../../session/call-safely.ts"
import type { Delivery, DropReason } from "../../session/delivery/delivery.ts"
import type { Link } from "../../session/link.ts"
import { Session, type SessionHost } from "../../session/session.ts"
import { restoreSnapshot } from "../../session/snapshot.ts"
import type { Traffic } from "../../session/traffic.ts"
import { type Packet, sizeOf } from "../../wire/batch.ts"
import { type Closing, closing, closingError, EverwireError } from "../../wire/errors.ts"
import type { Hello } from "../../wire/handshake.ts"
import { MESSAGE, REQUEST } from "../../wire/kinds.ts"
import { kindOf, openPacket } from "../../wire/packet.ts"
import type { Site } from "../admission/sites.ts"
import { checkPayload } from "../limits/payload-bounds.ts"
import { Spending } from "../limits/spending.ts"
import type { MovedSession } from "../moved-session.ts"
import type { Principal } from "../peer.ts"
import type { HubEncoder } from "../rooms/encoders.ts"
import { AckWaits } from "./ack-waits.ts"
import { openRequestsOf } from "./describe-session.ts"
import { DurableSession } from "./durable-session.ts"
import { sayFarewell, sayMoved } from "./farewell.ts"
import { HubPeer, type PeerHost } from "./hub-peer.ts"
import { type Keeper, type KeptList, TOO_MUCH } from "./kept-bytes.ts"
import { listsOf, ownBytesOf } from "./lane-memory.ts"
import { LastCall, NOT_BEGUN } from "./last-call.ts"
import { countRequests } from "./open-requests.ts"
import { mostBytesOf, type PacketList } from "./packet-list.ts"
import { PeerDispatch } from "./peer-dispatch.ts"
import { SessionLinks } from "./session-links.ts"
import type { SessionNeeds } from "./session-needs.ts"
import type { SessionRecords } from "./session-records.ts"
import { SharedOutbox } from "./shared-outbox.ts"

export interface HubSessionHost extends SessionNeeds, SessionRecords<HubSession> {}

/** A session at the hub, with what only the hub knows of it: its key, principal, peer and costs. */
export class HubSession implements SessionHost, PeerHost, Keeper {
  readonly id: string
  readonly key: string
  principal: Principal // as it was judged last: the id stays the same
  /** Remote address of the link that began the session. The limits per address count this one. */
  readonly address: string
  /** When it began, by the hub's clock, in milliseconds. */
  readonly beganAt: number
  /** After the end {@link HubSessionHost.ended}, so that an application that keeps the peer keeps no packets alive. */
  session: Session
  /** The hubs that had the session before this one. Undefined if it began here. */
  readonly formers: readonly string[] | undefined
  readonly peer: HubPeer
  /** Of the codec that the session's first hello named. */
  readonly encoder: HubEncoder
  readonly links: SessionLinks
  readonly host: HubSessionHost
  readonly outbox: SharedOutbox
  /** Undefined unless the hub is durable. */
  readonly durable: DurableSession | undefined
  /** The channel's last ack when the hub last counted its memory. */
  #taken = 0
  /** Made when a message is handled or a request is made for the first time. */
  #dispatch: PeerDispatch | undefined
  /** Promises that wait for acks. Made for the first one. */
  #waits: AckWaits | undefined
  /** Set when the hub drains and starts nothing new with the channel. */
  call: LastCall | undefined
  /** For how long the packet that is being heard has waited since it arrived, in milliseconds. */
  waitedMs = 0
  /** How many of its links have input that waits to be handled. */
  backlogs = 0
  waitingBytes = 0
  /** Made for the first input, because many sessions never bring any. */
  #spending: Spending | undefined
  readonly #site: Site | undefined

  constructor(
    host: HubSessionHost,
    { id, key }: Pick<Hello, "id" | "key">,
    principal: Principal,
    encoder: HubEncoder,
    address: string,
    site?: Site,
    moved?: MovedSession,
  ) {
    this.host = host
    this.id = id
    this.key = key
    this.principal = principal
    this.encoder = encoder
    this.address = address
    encoder.sessions++
    this.beganAt = host.clockwork.now() - (moved?.ageMs ?? 0)
    this.formers = moved?.formers
    this.#site = site
    this.outbox = new SharedOutbox(host.joined)
    const kept = moved && restoreSnapshot(moved.snapshot, this.outbox)
    this.session = new Session(host.clockwork, this, host.settings, this.outbox, kept?.inbox, kept?.lane)
    this.links = new SessionLinks(this, host)
    this.peer = new HubPeer(moved?.peer ?? host.runtime.id(), this)
    const journal = host.journal()
    this.durable = journal && new DurableSession(this, journal)
  }

  /** The state of a welcomed link: see `HubLink`, where the hub session itself is that state. */
  get stage(): "admitted" {
    return "admitted"
  }
  get dispatching(): PeerDispatch {
    if (this.#dispatch !== undefined) return this.#dispatch
    this.#dispatch = new PeerDispatch(this.host, this)
    if (this.session.ended) this.#dispatch.close()
    return this.#dispatch
  }
  get dispatch(): Dispatch<HubPeer> {
    return this.dispatching.dispatch
  }
  get traffic(): Traffic {
    return this.host.traffic
  }
  get spending(): Spending {
    this.#spending ??= new Spending(this.host, this.#site)
    return this.#spending
  }

  say(packet: Packet, list?: PacketList, place?: number, delivery?: Delivery): void {
    this.#say(packet, list, place, delivery)
    // A draining hub waits until packets of open requests have arrived. It sends messages without waiting.
    if (this.call !== undefined && kindOf(packet) !== MESSAGE) this.call.awaitSaid()
  }
  #say(packet: Packet, list?: PacketList, place?: number, delivery?: Delivery): void {
    this.host.fanOut.said++
    const bytes = mostBytesOf(packet, list, this.session.link) + (list ? 0 : this.outbox.listBytesFor(packet))
    if (!this.host.kept.grow(bytes)) this.makeRoom(TOO_MUCH)
    try {
      this.session.say(packet, list, place, delivery)
      this.durable?.changed()
    } catch (error) {
      this.end(closing("buffer-full", "the channel does not keep up", false))
      throw error
    }
  }
  /** Sends the packet if the session has not ended. Returns whether there is room for more. */
  tell(packet: Packet, list?: PacketList, place?: number, delivery?: Delivery): boolean {
    const { session } = this
    if (session.ended) return false
    try {
      this.say(packet, list, place, delivery)
    } catch (error) {
      if (!(error instanceof EverwireError)) throw error
      return false
    }
    return session.hasRoom && !session.ended
  }
  get ownBytes(): number {
    const { part = 0, lane } = this.session
    const unread = this.#dispatch?.unreadBytes ?? 0
    return 2 * part + this.waitingBytes + this.links.keptBytes + (lane ? ownBytesOf(lane) : 0) + unread
  }
  lists(): Iterable<KeptList> {
    const { lane } = this.session
    return lane ? [...this.outbox.lists(), ...listsOf(lane)] : this.outbox.lists()
  }
  hasTaken(): boolean {
    const { acked } = this.session
    const hasTaken = acked > this.#taken
    this.#taken = acked
    return hasTaken
  }
  /** The hub is leaving: open requests are finished, and no new one is begun. */
  lastCall(): void {
    this.call = new LastCall(this, this.host.clockwork)
    this.call.begin()
  }
  get isFree(): boolean {
    return this.session.ended || this.call?.isFree === true
  }
  get openRequests(): readonly [asked: number, answering: number] {
    return countRequests(this.#dispatch?.dispatch.open)
  }
  /** Ids of the channel's requests that are being answered. */
  get answering(): string[] {
    return openRequestsOf(this.#dispatch?.dispatch.open[1])
  }
  /** The id of the last request to the channel. */
  get lastId(): number {
    return this.#dispatch?.dispatch.lastId ?? 0
  }
  failed(error: unknown, stage: Stage): void {
    this.host.failed(error, stage, this.peer)
  }
  windowMs(mayReturn: boolean): number {
    return this.host.windowMs(this, mayReturn)
  }
  isAway(): void {
    this.call?.awaitReturn()
    this.host.progressed(this)
  }

  /** Another process has the session. The channel is told to dial again, and goes on there. */
  moved(): void {
    if (this.session.ended) return
    const transport = this.links.frozen?.name
    const why = sayMoved(this)
    this.durable?.ended()
    this.#release(why, why, 0, transport)
  }

  /** The hub closes. A session that is kept in the store waits there for another process. */
  leave(why: Closing): void {
    if (this.durable === undefined || this.session.ended) this.end(why)
    else this.durable.leave()
  }

  end(why: Closing): void {
    if (this.session.ended) return
    const told: Closing = why.code === "closed" ? { ...why, code: "closed-by-peer" } : why
    const transport = this.session.link?.name
    sayFarewell(this, this.host.hub, told)
    this.durable?.ended()
    this.#release(why, told, this.outbox.messages, transport)
  }

  /** The session has ended: gives back what the hub has for it, and reports its end. */
  #release(why: Closing, told: Closing, undelivered: number, transport: string | undefined): void {
    this.#dispatch?.dispatch.end(why)
    this.#waits?.end(() => closingError(why))
    this.#waits = undefined
    this.encoder.sessions--
    this.host.forget(this, told)
    this.session = this.host.ended
    this.outbox.clear()
    this.host.left(why.code)
    this.peer.ended({ undelivered, ...why })
    this.host.told(this, why.code, undelivered, transport)
    this.#dispatch?.close()
  }

  deliver(packet: Packet): void {
    checkPayload(packet, this.host, this.encoder.codec)
    this.durable?.changed()
    if (kindOf(packet) === REQUEST) {
      const isLeaving = this.call?.refusesRequests === true
      const refusal = isLeaving ? NOT_BEGUN : this.dispatching.refusalOf(sizeOf(packet))
      if (refusal !== undefined) {
        callSafely(() => this.#say(failureOf(openPacket(packet).id, refusal))) // without room, it ends the session
        if (isLeaving) this.host.progressed(this)
        else this.refused(closing(refusal.code, refusal.message), this.session.link)
        return
      }
    }
    this.dispatching.deliver(packet)
    if (this.call !== undefined) this.host.progressed(this)
  }

  control(link: Link, packet: string): void {
    this.links.control(link, packet)
  }

  refused(why: Closing, link: Link | undefined): void {
    this.host.notAccepted(this, why, link)
  }

  /** Ends the session because the hub keeps too much. Links with data that the channel does not take are cut. */
  makeRoom(why: Closing): void {
    if (this.session.ended) return
    this.refused(why, this.session.link)
    this.links.cut(why)
    this.#dispatch?.makeRoom(why)
    this.end(why)
  }

  /** The link has room, or its channel opened a new request for packets. */
  linkWritable(link: Link): void {
    this.session.writable(link)
    this.host.progressed(this)
  }

  doubted(): void {
    // The hub does not probe links: it closes a silent one, and the channel judges its links.
  }

  silent(link: Link): void {
    this.links.silent(link)
  }

  dropped(reason: DropReason): void {
    this.host.dropped(this, reason)
  }

  answered(): void {
    this.#waits?.acknowledged()
    this.host.progressed(this)
  }

  get waits(): AckWaits {
    this.#waits ??= new AckWaits(this)
    return this.#waits
  }
}
