import { Dispatch, type DispatchHost, type MessageEncoder, type Stage } from "../../messaging/dispatch.ts"
import { failureOf } from "../../messaging/failure.ts"
import type { Handlers } from "../../messaging/handlers.ts"
import { callSafely } from "../../session/call-safely.ts"
import type { Alarm, Clockwork, Slot } from "../../session/clockwork.ts"
import type { Link } from "../../session/link.ts"
import type { Runtime } from "../../session/runtime.ts"
import { type Heard, Session, type SessionHost, type SessionSettings } from "../../session/session.ts"
import { isLarger, isWide, type Packet, sizeOf } from "../../wire/batch.ts"
import {
  LEAVE_MS,
  MAX_HEADER_BYTES,
  MAX_HELLO_BYTES,
  PACKET_OVERHEAD_BYTES,
  SPARE_LINK_MS,
} from "../../wire/defaults.ts"
import { type Closing, closing, closingError, EverwireError, protocolError } from "../../wire/errors.ts"
import { readBye, readTake, writeBye } from "../../wire/handshake.ts"
import { BYE, MESSAGE, REQUEST, TAKE } from "../../wire/kinds.ts"
import { kindOf, openPacket } from "../../wire/packet.ts"
import type { Refusal } from "../admission/refusals.ts"
import type { Site } from "../admission/sites.ts"
import { type Costs, isAllowed, spent, waitMs } from "../limits/allowance.ts"
import { isNestedDeeper } from "../limits/depth.ts"
import type { Principal } from "../peer.ts"
import type { Rooms } from "../rooms/rooms.ts"
import { AckWaits } from "./ack-waits.ts"
import { CountedHandlers } from "./counted-handlers.ts"
import { HubPeer, type PeerHost } from "./hub-peer.ts"
import { type Keeper, type KeptBytes, TOO_MUCH } from "./kept-bytes.ts"
import { LastCall, NOT_BEGUN } from "./last-call.ts"
import { MissedNames } from "./missed-names.ts"
import { OpenRequests } from "./open-requests.ts"
import { saidByPeer } from "./said-by-peer.ts"
import { type PacketList, SHORT_LENGTH, SharedOutbox } from "./shared-outbox.ts"
import { SpareLinks } from "./spare-links.ts"

/** What a session needs of its hub. */
export interface HubSessionHost {
  readonly runtime: Runtime
  readonly clockwork: Clockwork
  readonly hub: string
  readonly rooms: Rooms<HubPeer>
  /** Those of the hub: the same list for every session that has none of its own. */
  readonly handlers: readonly Handlers<HubPeer>[]
  readonly encoder: MessageEncoder
  readonly maxPayloadBytes: number
  readonly costs: Costs
  readonly maxRequestBytes: number
  readonly maxDepth: number
  /** The same object for every session that was granted nothing else. */
  readonly settings: SessionSettings
  failed(error: unknown, stage: Stage, peer: HubPeer): void
  /** Names of messages that nothing handles. */
  readonly missed: MissedNames
  /** What stands in the place of every session that has ended. */
  readonly ended: Session
  /** What is kept for all sessions. */
  readonly kept: KeptBytes
  /** A link was refused, or ended because of what came on it; or a session, because the hub keeps too much. */
  refused(refusal: Refusal): void
  /** The channel acknowledged more, or something that was open with it may be over. */
  progressed(hubSession: HubSession): void
  /** The session has no link any more: how long it may stay so. `mayReturn`: see {@link HubSession.detached}. */
  windowMs(hubSession: HubSession, mayReturn: boolean): number
  /** The session has ended and is to be forgotten. */
  forget(hubSession: HubSession, why: Closing): void
}

/** So many names that nothing handles are remembered of a peer. */
const MAX_MISSED_NAMES = 16

const NO_LINKS: readonly Link[] = []

/** What a link keeps on this side. */
function keptBy({ bufferedBytes, keptBytes = 0 }: Link): number {
  return bufferedBytes + keptBytes
}

/** What a channel has used up of what it may do: see `limits/allowance.ts`. */
class Used {
  /** Its messages and bytes. */
  workUntil = 0
  /** Its exchanges. */
  exchangesUntil = 0
}

/** One session of the hub, with what the hub alone knows of it: the key, the principal, the turn, the spare links. */
export class HubSession implements SessionHost, DispatchHost<HubPeer>, PeerHost, Keeper, Alarm {
  readonly id: string
  readonly key: string
  readonly principal: Principal
  /** Remote address of the link that began the session: the one that its cap counts. */
  readonly address: string
  /** When it has ended, the hub's {@link HubSessionHost.ended}, so that an application that keeps the peer keeps nothing of it. */
  session: Session
  /** The hub's; before them the peer's own, once it has any. */
  handlers: readonly Handlers<HubPeer>[]
  readonly peer: HubPeer
  /** The last turn that was obeyed. */
  turn = 0
  /** Whether the channel had heard the hub on a link that it has left: it may come back for what it has missed. */
  isMet = false
  /** The channel that presented the key last. */
  #holder: string | undefined
  readonly #host: HubSessionHost
  readonly #outbox = new SharedOutbox()
  /** What the channel had acknowledged when the hub last counted what it keeps. */
  #taken = 0
  /** Made when there is something to dispatch: most peers of most hubs are told things and say nothing. */
  #dispatch: Dispatch<HubPeer> | undefined
  /** Welcomed links that are not the current one. */
  #spares: SpareLinks | undefined
  /** Names of this peer's messages that nothing handled. */
  #missed: MissedNames | undefined
  /** Why the channel has left, while what it said before may still be on its way. */
  #left: Closing | undefined
  /** What waits for acks, once something has. */
  #waits: AckWaits | undefined
  /** Set once nothing new is begun with the channel. */
  #lastCall: LastCall | undefined
  /** Requests of the channel that are being answered, once it has asked. */
  #requests: OpenRequests | undefined
  /** When the resume window has passed. */
  slot: Slot | undefined
  /** How many of its links have brought what still waits to be heard. */
  backlogs = 0
  /** Bytes of what waits in them. */
  waitingBytes = 0
  /** Made when there is first something to count: many sessions of strangers never bring anything. */
  #used: Used | undefined
  readonly #site: Site | undefined

  constructor(host: HubSessionHost, id: string, key: string, principal: Principal, address: string, site?: Site) {
    this.#host = host
    this.id = id
    this.key = key
    this.principal = principal
    this.address = address
    this.#site = site
    this.session = new Session(host.clockwork, this, host.settings, this.#outbox)
    this.handlers = host.handlers
    this.peer = new HubPeer(host.runtime.id(), this)
  }

  /** Where a link stands that has been welcomed to it: see `HubLink`. */
  get stage(): "admitted" {
    return "admitted"
  }
  get dispatch(): Dispatch<HubPeer> {
    this.#dispatch ??= new Dispatch(this.#host.runtime, this)
    return this.#dispatch
  }
  get rooms(): Rooms<HubPeer> {
    return this.#host.rooms
  }
  get own(): Handlers<HubPeer> {
    const [own] = this.handlers
    if (own !== undefined && this.handlers !== this.#host.handlers) return own
    const first = new CountedHandlers((error) => this.failed(error, "listener"))
    if (this.session.ended) first.close()
    this.handlers = [first, ...this.#host.handlers]
    return first
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
    const { link } = this.session
    let bytes = 2 * (this.session.part ?? 0) + this.waitingBytes + (link ? keptBy(link) : 0)
    for (const spare of this.#spares?.links() ?? NO_LINKS) bytes += keptBy(spare)
    return bytes
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
  /**
   * Whether nothing holds the session, after its last call: no request of either side is open, what was said has arrived,
   * what was heard can be acknowledged, and the bye is taken at once.
   */
  get isFree(): boolean {
    return this.session.ended || this.#lastCall?.isFree === true
  }
  /** Why a request of the hub is not begun any more; one that an open request of the channel needs still is. */
  get askRefusal(): EverwireError | undefined {
    return this.#lastCall?.askRefusal
  }
  get openRequests(): readonly [asked: number, answering: number] {
    const [asked = 0, answering = 0] = this.#dispatch?.open ?? []
    return [asked, answering]
  }
  context(): HubPeer {
    return this.peer
  }
  failed(error: unknown, stage: Stage): void {
    this.#host.failed(error, stage, this.peer)
  }
  missed(name: string): void {
    this.#missed ??= new MissedNames(MAX_MISSED_NAMES)
    this.#missed.add(name)
    this.#host.missed.add(name)
  }
  /** A handler of this peer alone is set. */
  handles(name: string): void {
    const error = this.#missed?.late(name)
    if (error !== undefined) this.failed(error, "message")
  }
  soon(run: () => void): void {
    this.#host.runtime.soon(run)
  }

  /** Whether a packet of it may be heard: neither it nor its address has done too much. */
  mayDo(now: number): boolean {
    return (
      isAllowed(this.#used?.workUntil ?? 0, now) && (this.#site === undefined || isAllowed(this.#site.workUntil, now))
    )
  }
  waitMs(now: number): number {
    const ms = waitMs(this.#used?.workUntil ?? 0, now)
    return this.#site === undefined ? ms : Math.max(ms, waitMs(this.#site.workUntil, now))
  }
  /** So much is heard now. */
  did(packets: number, bytes: number, now: number): void {
    const { message, byte, share } = this.#host.costs
    const ms = Math.max(packets * message, bytes * byte)
    this.#used ??= new Used()
    this.#used.workUntil = spent(this.#used.workUntil, ms, now)
    if (this.#site !== undefined) this.#site.workUntil = spent(this.#site.workUntil, ms / share, now)
  }
  /** One of its links was brought a request. Answers how long to wait before the next, in milliseconds, if it was one too many. */
  exchanged(): number {
    const now = this.#host.clockwork.now()
    this.#used ??= new Used()
    const used = this.#used
    const until = used.exchangesUntil
    if (!isAllowed(until, now)) return waitMs(until, now)
    used.exchangesUntil = spent(until, this.#host.costs.exchange, now)
    return 0
  }
  /** Whether the link is one of its own, and was not closed. */
  has(link: Link): boolean {
    return this.session.link === link || this.#spares?.has(link) === true
  }

  /** Somebody presents the key. If it is another than before, the one before is told and loses all its links. */
  heldBy(holder: string): void {
    const before = this.#holder
    this.#holder = holder
    if (before === undefined || before === holder) return
    const taken = closing("session-taken", "another channel has presented the key of this session", false)
    const { link } = this.session
    if (link !== undefined) this.session.linkLost(link)
    for (const old of [...(this.#spares?.linksOfOthers(holder) ?? NO_LINKS), link]) {
      if (old === undefined) continue
      this.#spares?.delete(old)
      old.send(writeBye(taken, { hub: this.#host.hub }))
      old.close(taken)
    }
    this.turn = 0
  }

  /** Keeps a welcomed link that is not the current one, until it is taken or its time is over. */
  spare(link: Link, holder = this.#holder): void {
    this.#spares ??= new SpareLinks(this.#host.runtime, (why, refused) => this.#refused(why, refused))
    this.#spares.add(link, holder)
  }

  /** Makes this link the current one. The one before is kept for a while: a link that lost the turn may win it back. */
  attach(link: Link, heard: Heard, turn: number): void {
    const before = this.session.link
    if (before !== undefined) this.#leftBy(before)
    this.session.attach(link, heard)
    this.turn = turn
    this.#host.clockwork.clear(this)
    this.#spares?.delete(link)
    if (before !== undefined && before !== link) this.spare(before)
  }

  /** A welcomed link is gone. */
  linkClosed(link: Link, why?: Closing): void {
    this.#spares?.delete(link)
    this.#leftBy(link)
    if (this.session.link !== link) return
    this.session.linkLost(link)
    // jsdom's WebSocket drops what is sent right before it closes, and so the bye; its closing frame says the same. A page
    // that is put away closes its link too, and may come back: that is retryable.
    if (why?.code === "closed" && !why.retryable) this.end({ ...why, code: "closed-by-peer" })
    else this.detached(!link.wasGivenUp)
  }

  /**
   * The channel says bye beside its links. What it said before may still be on its way on the current one, which it ends
   * behind that.
   */
  leave(why: Closing, said: number): void {
    if (this.session.link === undefined || this.session.heard >= said) return this.end(why)
    this.#left ??= why
    this.#host.runtime.after(LEAVE_MS, () => this.#endLeft(why))
  }

  /** What has come from a channel that left is heard to its end. */
  #endLeft(why: Closing): void {
    if (this.backlogs === 0) return this.end(why)
    this.#host.runtime.after(LEAVE_MS, () => this.#endLeft(why))
  }

  /** There is no link: the resume window opens. `mayReturn`: the channel was not waited for in vain already. */
  detached(mayReturn = true): void {
    if (this.session.ended) return
    if (this.#left !== undefined) return this.end(this.#left)
    const { clockwork } = this.#host
    clockwork.set(this, clockwork.now() + this.#host.windowMs(this, mayReturn))
    this.#lastCall?.awaitReturn()
    this.#host.progressed(this)
  }

  /** No link came back in the resume window; one that was welcomed may still be taken. */
  ring(): void {
    if (this.#spares?.isEmpty === false) {
      const { clockwork } = this.#host
      return clockwork.set(this, clockwork.now() + SPARE_LINK_MS)
    }
    this.end(closing("session-expired", "no link came back in time"))
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
    this.#host.clockwork.clear(this)
    const told: Closing = why.code === "closed" ? { ...why, code: "closed-by-peer" } : why
    this.#spares?.close(told)
    this.#spares = undefined
    link?.send(writeBye(told, { hub: this.#host.hub }))
    link?.close(told)
    this.#dispatch?.end(why)
    this.#waits?.end(() => closingError(why))
    this.#waits = undefined
    this.#host.forget(this, told)
    this.session = this.#host.ended
    this.#outbox.clear()
    const undelivered = unacknowledged.filter((packet) => kindOf(packet) === MESSAGE).length
    this.peer.ended({ undelivered, ...why })
    if (this.handlers !== this.#host.handlers) this.own.close()
  }

  deliver(packet: Packet): void {
    if (isLarger(packet, this.#host.maxPayloadBytes + MAX_HEADER_BYTES)) {
      throw new EverwireError("too-large", "a payload that is larger than the welcome allowed")
    }
    const { maxDepth, maxRequestBytes } = this.#host
    if (isNestedDeeper(packet, maxDepth)) {
      throw new EverwireError("too-large", `a payload that is nested deeper than ${maxDepth} levels`)
    }
    if (kindOf(packet) === REQUEST) {
      const refusal = this.#refusalOf(sizeOf(packet), maxRequestBytes)
      if (refusal !== undefined) {
        const failure = failureOf(openPacket(packet).id, refusal)
        callSafely(() => this.#say(failure)) // a session without room has ended by this
        if (refusal !== NOT_BEGUN) this.#refused(closing(refusal.code, refusal.message), this.session.link)
        return
      }
    }
    this.dispatch.deliver(packet)
    if (this.#lastCall !== undefined) this.#host.progressed(this)
  }

  /** Why a request is not begun, if it is not. */
  #refusalOf(size: number, maxRequestBytes: number): EverwireError | undefined {
    // After the last call its code says that it was not begun.
    if (this.#lastCall?.refusesRequests === true) {
      this.#host.progressed(this)
      return NOT_BEGUN
    }
    this.#requests ??= new OpenRequests()
    return this.#requests.refusal(size, maxRequestBytes)
  }

  holdUntil(answering: Promise<unknown>): void {
    this.#requests?.holdUntil(answering)
  }

  control(link: Link, packet: string): void {
    if (packet.length > MAX_HELLO_BYTES) throw protocolError("a packet of the handshake that is too large")
    switch (kindOf(packet)) {
      case TAKE: {
        const take = readTake(packet)
        const holder = this.#spares?.holderOf(link)
        if (holder !== undefined) this.heldBy(holder)
        if (take.turn > this.turn) this.attach(link, take, take.turn)
        return
      }
      case BYE: {
        const why = saidByPeer(readBye(packet).why)
        // Only the current link speaks for the session; a spare one that says bye is merely closed by its channel.
        if (this.session.link !== link) return
        // Whoever says bye hears nothing more: the link is closed without a word.
        this.session.linkLost(link)
        link.close(why)
        this.end(why)
        return
      }
      default:
        throw protocolError("an unknown kind of packet")
    }
  }

  /** Tells the hub's owner what was not taken of this session. */
  #refused({ code, reason }: Closing, link: Link | undefined): void {
    const transport = link?.name ?? ""
    const address = this.address || undefined
    this.#host.refused({ code, reason, stage: "session", transport, address, origin: undefined })
  }

  /** Ends it because the hub keeps too much. What its links keep goes too: they are cut where the channel does not take it. */
  makeRoom(why: Closing): void {
    if (this.session.ended) return
    const { link } = this.session
    this.#refused(why, link)
    if (link !== undefined) this.session.linkLost(link)
    for (const each of [link, ...(this.#spares?.links() ?? NO_LINKS)]) {
      if (each === undefined) continue
      if (keptBy(each) > 0) each.abandon?.()
      else each.send(writeBye(why, { hub: this.#host.hub }))
      each.close(why)
    }
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
    this.#leftBy(link)
    link.close(closing("silent", "nothing was heard for too long"))
    this.detached()
  }

  answered(): void {
    this.#waits?.acknowledged()
    this.#host.progressed(this)
  }

  /** Resolves when there is room for more; rejects when the session ends first. */
  writable(): Promise<void> {
    return this.#when(() => this.session.hasRoom)
  }

  /** Resolves when the channel has acknowledged all that was said so far; rejects when the session ends first. */
  flush(): Promise<void> {
    const { session } = this
    const { said } = session
    if (session.acked < said) session.ask()
    return this.#when(() => session.acked >= said)
  }

  #when(isDone: () => boolean): Promise<void> {
    if (this.session.ended) return Promise.reject(new EverwireError("closed", "the peer is closed"))
    if (isDone()) return Promise.resolve()
    this.#waits ??= new AckWaits()
    return this.#waits.wait(isDone)
  }

  #leftBy({ reached = true }: Link): void {
    this.isMet ||= reached
  }
}
