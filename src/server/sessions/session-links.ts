import type { Alarm, Slot } from "../../session/clockwork.ts"
import type { Link } from "../../session/link.ts"
import type { Heard } from "../../session/session.ts"
import { MAX_HELLO_BYTES } from "../../wire/defaults.ts"
import { type Closing, type Code, closing, protocolError } from "../../wire/errors.ts"
import { readBye, readTake, writeBye } from "../../wire/handshake.ts"
import { BYE, CREDENTIALS, TAKE } from "../../wire/kinds.ts"
import { kindOf } from "../../wire/packet.ts"
import type { LinkedSession, LinksHost, PrincipalExpiry } from "./linked-session.ts"
import { saidByPeer } from "./said-by-peer.ts"
import { SPARE_LINK_MS, SpareLinks } from "./spare-links.ts"

/**
 * How long the hub waits, after a bye without a link, for packets of that channel which may still be on their way on a
 * link.
 */
const LEAVE_MS = 1_000

const NO_LINKS: readonly Link[] = []

/** Bytes that the hub holds for a link. */
function keptBy({ bufferedBytes, keptBytes = 0 }: Link): number {
  return bufferedBytes + keptBytes
}

/** The links of one session: the current one, the spares, and the time that the session may be without any. */
export class SessionLinks implements Alarm {
  /** The turn of the last take or hello that made a link the current one. */
  turn = 0
  /** Whether a former link reached the channel: then the channel may come back for packets that it missed. */
  isMet = false
  /** Whether a link has carried the session. */
  #wasAttached = false
  /** Undefined if the principal does not expire. */
  expiry: PrincipalExpiry | undefined
  /** When the resume window ends. */
  slot: Slot | undefined
  readonly #owner: LinkedSession
  readonly #host: LinksHost
  /** The channel that used the session's key last. */
  #holder: string | undefined
  /** Welcomed links that are not the current one. */
  #spares: SpareLinks | undefined
  /** Whether other processes are asked to take the session. It waits for its channel meanwhile. */
  isOffered = false
  /** Set while another process is to have the session: the link that was the current one, if there was one. */
  #frozen: { readonly link: Link | undefined } | undefined
  /** Why the channel left, while packets that it sent before may still be on their way. */
  #left: Closing | undefined

  constructor(owner: LinkedSession, host: LinksHost) {
    this.#owner = owner
    this.#host = host
  }

  /** The channel that used the session's key last. */
  get holder(): string | undefined {
    return this.#holder
  }

  /** The link that was the current one before `freeze`. */
  get frozen(): Link | undefined {
    return this.#frozen?.link
  }

  get isFrozen(): boolean {
    return this.#frozen !== undefined
  }

  /** From now on nothing is heard or sent on any link, and none is attached. They stay open for a last word. */
  freeze(): void {
    const { session } = this.#owner
    const { link } = session
    session.flushNow()
    this.#frozen = { link }
    this.#host.clockwork.clear(this)
    if (link === undefined) return
    this.#leftBy(link)
    session.linkLost(link)
    this.spare(link)
  }

  /** Whether the link belongs to the session and was not closed. */
  has(link: Link): boolean {
    return this.#owner.session.link === link || this.#spares?.has(link) === true
  }

  /** Bytes that the hub holds for all its links. */
  get keptBytes(): number {
    const { link } = this.#owner.session
    let bytes = link === undefined ? 0 : keptBy(link)
    for (const spare of this.#spares?.links() ?? NO_LINKS) bytes += keptBy(spare)
    return bytes
  }

  /**
   * A channel presents the session's key. If another channel had it before, that channel gets a bye and loses all its
   * links.
   */
  heldBy(holder: string): void {
    const before = this.#holder
    this.#holder = holder
    if (before === undefined || before === holder) return
    const taken = closing("session-taken", "another channel has presented the key of this session", false)
    const { session } = this.#owner
    const { link } = session
    if (link !== undefined) session.linkLost(link)
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
    this.#spares ??= new SpareLinks(this.#host.runtime, (why, refused) => this.#owner.refused(why, refused))
    this.#spares.add(link, holder)
  }

  /**
   * A welcomed link brought a packet of the handshake. @throws EverwireError `protocol-error` on a packet that is not
   * allowed then
   */
  control(link: Link, packet: string): void {
    if (packet.length > MAX_HELLO_BYTES) throw protocolError("a packet of the handshake that is too large")
    switch (kindOf(packet)) {
      case TAKE: {
        const take = readTake(packet)
        if (this.isFrozen) return
        const holder = this.#spares?.holderOf(link)
        if (holder !== undefined) this.heldBy(holder)
        if (take.turn > this.turn) this.attach(link, take, take.turn)
        return
      }
      case BYE: {
        const why = saidByPeer(readBye(packet).why)
        const { session } = this.#owner
        // Only the current link can end the session. A bye on a spare link means that its channel closes that link.
        if (link !== (session.link ?? this.frozen)) return
        // A channel that says bye reads nothing more, so the link is closed without an answer.
        session.linkLost(link)
        link.close(why)
        this.#owner.end(why)
        return
      }
      case CREDENTIALS:
        if (this.expiry === undefined) throw protocolError("credentials that the hub did not ask for")
        return this.expiry.answered(packet)
      default:
        throw protocolError("an unknown kind of packet")
    }
  }

  /** Makes this link the current one. The one before becomes a spare, because the channel may take it again. */
  attach(link: Link, heard: Heard, turn: number): void {
    const { session } = this.#owner
    const before = session.link
    if (before !== undefined) this.#leftBy(before)
    session.attach(link, heard)
    this.turn = turn
    this.#host.clockwork.clear(this)
    this.#spares?.delete(link)
    if (before !== undefined && before !== link) this.spare(before)
    if (session.link === link) this.#tellAttached(link.name, before?.name)
    this.expiry?.attached()
  }

  #tellAttached(transport: string, from: string | undefined): void {
    const resumed = this.#wasAttached && from === undefined
    this.#wasAttached = true
    const { observer, hub, counts } = this.#host
    if (resumed) counts.resumed++
    observer.linkAttached?.({ hub, peer: this.#owner.peer.id, transport, from, resumed })
  }

  /** A link ended that carried the session. If that goes on, it is told to the observer. */
  #tellLost(transport: string, code: Code): void {
    if (this.#owner.session.ended) return
    const { observer, hub } = this.#host
    observer.linkLost?.({ hub, peer: this.#owner.peer.id, transport, code })
  }

  /** Closes all links. The session goes on when its channel comes with another hello. */
  dismiss(why: Closing): void {
    const { session } = this.#owner
    const { link } = session
    if (link !== undefined) {
      this.#leftBy(link)
      session.linkLost(link)
    }
    for (const each of [...(this.#spares?.links() ?? NO_LINKS), link]) {
      if (each === undefined) continue
      this.#spares?.delete(each)
      each.send(writeBye(why, { hub: this.#host.hub }))
      each.close(why)
    }
    this.detached()
    if (link !== undefined) this.#tellLost(link.name, why.code)
  }

  /** A welcomed link has ended. `refusal`: why the hub has ended it. */
  closed(link: Link, why?: Closing, refusal?: Closing): void {
    const { session } = this.#owner
    this.#spares?.delete(link)
    this.#leftBy(link)
    if (session.link !== link) return
    session.linkLost(link)
    // jsdom's WebSocket drops messages that are sent right before it closes, so the bye is lost. Its close frame means
    // the same. A page that the browser puts into its back/forward cache closes its link too and may come back: that
    // closing is retryable.
    if (why?.code === "closed" && !why.retryable) return this.#owner.end({ ...why, code: "closed-by-peer" })
    this.detached(!link.wasGivenUp)
    this.#tellLost(link.name, (why ?? refusal)?.code ?? "network")
  }

  /** The current link received nothing for too long. */
  silent(link: Link): void {
    this.#leftBy(link)
    link.close(closing("silent", "nothing was heard for too long"))
    this.detached()
    this.#tellLost(link.name, "silent")
  }

  /**
   * The channel says bye in a separate request. Packets that it sent before may still be on their way on the current
   * link, so the session waits for them.
   */
  leave(why: Closing, said: number): void {
    const { session } = this.#owner
    if (session.link === undefined || session.heard >= said) return this.#owner.end(why)
    this.#left ??= why
    this.#host.runtime.after(LEAVE_MS, () => this.#endLeft(why))
  }

  /** Ends the session when all input of the channel that left has been handled. */
  #endLeft(why: Closing): void {
    if (this.#owner.backlogs === 0) return this.#owner.end(why)
    this.#host.runtime.after(LEAVE_MS, () => this.#endLeft(why))
  }

  /**
   * The session has no link: the resume window begins. `mayReturn` is false if the link was given up, because the
   * channel was already waited for in vain.
   */
  detached(mayReturn = true): void {
    if (this.#owner.session.ended || this.isFrozen) return
    if (this.#left !== undefined) return this.#owner.end(this.#left)
    const { clockwork } = this.#host
    clockwork.set(this, clockwork.now() + this.#owner.windowMs(mayReturn))
    this.#owner.isAway()
  }

  /** The resume window is over. If a spare link is left, the channel may still take it. */
  ring(): void {
    if (this.isOffered) return
    if (this.#spares?.isEmpty === false) {
      const { clockwork } = this.#host
      return clockwork.set(this, clockwork.now() + SPARE_LINK_MS)
    }
    const code = this.expiry?.hasDismissed === true ? "auth-expired" : "session-expired"
    const why = closing(code, "no link came back in time")
    // While a hub drains, that time is short.
    if (this.#owner.call) this.#owner.leave(why)
    else this.#owner.end(why)
  }

  /** Closes all links. A link that holds data is cut, because the channel does not take it. */
  cut(why: Closing): void {
    const { session } = this.#owner
    const { link } = session
    if (link !== undefined) session.linkLost(link)
    for (const each of [link, ...(this.#spares?.links() ?? NO_LINKS)]) {
      if (each === undefined) continue
      if (keptBy(each) > 0) each.abandon?.()
      else each.send(writeBye(why, { hub: this.#host.hub }))
      each.close(why)
    }
  }

  /** The session has ended. */
  end(why: Closing): void {
    this.#host.clockwork.clear(this)
    this.expiry?.end()
    this.#spares?.close(why)
    this.#spares = undefined
  }

  #leftBy({ reached = true }: Link): void {
    this.isMet ||= reached
  }
}
