import type { Alarm, Clockwork, Slot } from "../../session/clockwork.ts"
import type { Link } from "../../session/link.ts"
import type { Runtime } from "../../session/runtime.ts"
import type { Heard, Session } from "../../session/session.ts"
import { LEAVE_MS, MAX_HELLO_BYTES, SPARE_LINK_MS } from "../../wire/defaults.ts"
import { type Closing, closing, protocolError } from "../../wire/errors.ts"
import { readBye, readTake, writeBye } from "../../wire/handshake.ts"
import { BYE, TAKE } from "../../wire/kinds.ts"
import { kindOf } from "../../wire/packet.ts"
import { saidByPeer } from "./said-by-peer.ts"
import { SpareLinks } from "./spare-links.ts"

/** What the links of a session need of the hub. */
export interface LinksHost {
  readonly runtime: Runtime
  readonly clockwork: Clockwork
  readonly hub: string
}

/** The session whose links these are. */
interface LinkedSession {
  readonly session: Session
  /** How many of its links have brought what still waits to be heard. */
  readonly backlogs: number
  end(why: Closing): void
  /** It has no link any more: how long it may stay so, in milliseconds. `mayReturn`: see {@link SessionLinks.detached}. */
  windowMs(mayReturn: boolean): number
  /** It has just lost its last link. */
  isAway(): void
  /** This link was ended because there are too many. */
  refused(why: Closing, link: Link): void
}

const NO_LINKS: readonly Link[] = []

/** What a link keeps on this side. */
function keptBy({ bufferedBytes, keptBytes = 0 }: Link): number {
  return bufferedBytes + keptBytes
}

/** The links of one session of the hub: which of them carries it, which are spare, and how long it may be without any. */
export class SessionLinks implements Alarm {
  /** The last turn that was obeyed. */
  turn = 0
  /** Whether the channel had heard the hub on a link that it has left: it may come back for what it has missed. */
  isMet = false
  /** When the resume window has passed. */
  slot: Slot | undefined
  readonly #owner: LinkedSession
  readonly #host: LinksHost
  /** The channel that presented the key last. */
  #holder: string | undefined
  /** Welcomed links that are not the current one. */
  #spares: SpareLinks | undefined
  /** Why the channel has left, while what it said before may still be on its way. */
  #left: Closing | undefined

  constructor(owner: LinkedSession, host: LinksHost) {
    this.#owner = owner
    this.#host = host
  }

  /** Whether the link is one of these, and was not closed. */
  has(link: Link): boolean {
    return this.#owner.session.link === link || this.#spares?.has(link) === true
  }

  /** What all of them keep on this side, in bytes. */
  get keptBytes(): number {
    const { link } = this.#owner.session
    let bytes = link === undefined ? 0 : keptBy(link)
    for (const spare of this.#spares?.links() ?? NO_LINKS) bytes += keptBy(spare)
    return bytes
  }

  /** Somebody presents the key. If it is another than before, the one before is told and loses all its links. */
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

  /** A welcomed link brought a packet of the handshake. @throws EverwireError `protocol-error` on what may not come then. */
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
        const { session } = this.#owner
        // Only the current link speaks for the session; a spare one that says bye is merely closed by its channel.
        if (session.link !== link) return
        // Whoever says bye hears nothing more: the link is closed without a word.
        session.linkLost(link)
        link.close(why)
        this.#owner.end(why)
        return
      }
      default:
        throw protocolError("an unknown kind of packet")
    }
  }

  /** Makes this link the current one. The one before is kept for a while: a link that lost the turn may win it back. */
  attach(link: Link, heard: Heard, turn: number): void {
    const { session } = this.#owner
    const before = session.link
    if (before !== undefined) this.#leftBy(before)
    session.attach(link, heard)
    this.turn = turn
    this.#host.clockwork.clear(this)
    this.#spares?.delete(link)
    if (before !== undefined && before !== link) this.spare(before)
  }

  /** A welcomed link is gone. */
  closed(link: Link, why?: Closing): void {
    const { session } = this.#owner
    this.#spares?.delete(link)
    this.#leftBy(link)
    if (session.link !== link) return
    session.linkLost(link)
    // jsdom's WebSocket drops what is sent right before it closes, and so the bye; its closing frame says the same. A page
    // that is put away closes its link too, and may come back: that is retryable.
    if (why?.code === "closed" && !why.retryable) this.#owner.end({ ...why, code: "closed-by-peer" })
    else this.detached(!link.wasGivenUp)
  }

  /** Nothing was heard on the current link for too long. */
  silent(link: Link): void {
    this.#leftBy(link)
    link.close(closing("silent", "nothing was heard for too long"))
    this.detached()
  }

  /**
   * The channel says bye beside its links. What it said before may still be on its way on the current one, which it ends
   * behind that.
   */
  leave(why: Closing, said: number): void {
    const { session } = this.#owner
    if (session.link === undefined || session.heard >= said) return this.#owner.end(why)
    this.#left ??= why
    this.#host.runtime.after(LEAVE_MS, () => this.#endLeft(why))
  }

  /** What has come from a channel that left is heard to its end. */
  #endLeft(why: Closing): void {
    if (this.#owner.backlogs === 0) return this.#owner.end(why)
    this.#host.runtime.after(LEAVE_MS, () => this.#endLeft(why))
  }

  /** There is no link: the resume window opens. `mayReturn`: the channel was not waited for in vain already. */
  detached(mayReturn = true): void {
    if (this.#owner.session.ended) return
    if (this.#left !== undefined) return this.#owner.end(this.#left)
    const { clockwork } = this.#host
    clockwork.set(this, clockwork.now() + this.#owner.windowMs(mayReturn))
    this.#owner.isAway()
  }

  /** No link came back in the resume window; one that was welcomed may still be taken. */
  ring(): void {
    if (this.#spares?.isEmpty === false) {
      const { clockwork } = this.#host
      return clockwork.set(this, clockwork.now() + SPARE_LINK_MS)
    }
    this.#owner.end(closing("session-expired", "no link came back in time"))
  }

  /** Closes all of them. What they keep goes too: one is cut where the channel does not take it. */
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
    this.#spares?.close(why)
    this.#spares = undefined
  }

  #leftBy({ reached = true }: Link): void {
    this.isMet ||= reached
  }
}
