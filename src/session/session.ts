import { type Packet, sizeOf } from "../wire/batch.ts"
import { UNACKNOWLEDGED_MS } from "../wire/defaults.ts"
import { protocolError } from "../wire/errors.ts"
import { ACK, isNumbered, isPart, POSITION, PROBE } from "../wire/kinds.ts"
import { kindOf, readCount } from "../wire/packet.ts"
import type { Link } from "./link.ts"
import type { Due } from "./pulse.ts"
import { Sending } from "./sending.ts"
import type { Heard, Promised, SessionSettings } from "./session-host.ts"

export type { Heard, Promised, SessionHost, SessionSettings } from "./session-host.ts"

/** The other side has sent a mark, so it is in the middle of a bulk: for so long more is expected to come. */
const BULK_MS = 2_000
/** Meanwhile the channel probes so often, unless a probe is on its way. So a link that dies is noticed soon. */
const BULK_PROBE_MS = 500
/** What has to go and to be answered takes so long for each byte, in milliseconds, on the slowest links: 20 kbit/s, both ways. */
const SLOWEST = 0.8

/**
 * The ordered, reliable, resumable conversation inside both Channel and Peer. It is synchronous, symmetric and owns no
 * wire: inputs are `say`, `attach`, `hear`, `writable`, `linkLost` and `end`, outputs go to its host. Within its life
 * every packet said is delivered on the other side exactly once and in order, whatever links come and go.
 *
 * `Keeping` keeps what was said, `Sending` hands it to the link; here is what the other side says and how the link is judged.
 */
export class Session extends Sending {
  /** What was acknowledged beside the link, until the link has said it too. */
  #ackedBeside: number | undefined
  /** Token of the last probe by which the link is judged; tokens begin with 1. */
  #probe = -1
  /** Number of the last packet that the other side is known to have said. */
  #promised = 0
  /** Until when more of a bulk is expected, because the other side has measured the link. */
  #bulkUntil = 0
  /** Whether data came since this side last probed. */
  #isNews = false

  /** Highest number heard and delivered. */
  get heard(): number {
    return this.inbox.heard
  }
  /** How much has been heard of the packet behind it. */
  get part(): number | undefined {
    return this.inbox.part || undefined
  }
  /** Smoothed round trip in milliseconds; 0 until measured. */
  get rttMs(): number {
    return this.watch.rttMs
  }
  /** Since when the current link has carried nothing, either way. */
  get idleSince(): number {
    return Math.max(this.watch.heardAt, this.watch.spokeAt)
  }

  /**
   * Makes this link the current one. The other side has heard so far; what follows is replayed, unless it rode with the
   * hello (up to `sent`). `opening` leads the first batch.
   *
   * @throws EverwireError `protocol-error` when the other side claims to have heard what was never said.
   */
  attach(link: Link, at: Heard, sent = at.heard, opening?: string): void {
    if (this.ended) return
    const isNews = this.ack(this.#checked(at.heard))
    if (isNews) this.watch.doubts = 0
    // If this link is taken once more, what was sent on it before the take may still come.
    const isAgain = this.link === link
    if (!isAgain) this.inbox.relink()
    this.begin(link, at, sent, opening)
    const isFirst = this.settings.prober === Boolean(link.exchanges)
    this.watch.start(this.clockwork.now(), this.said > this.acked, isFirst, isAgain)
    this.flushNow()
    if (isNews) this.host.answered(true)
  }

  /**
   * What the welcome of the next link tells: that the other side has said so much, which must come; what its clock showed; and
   * that a round trip takes no longer than the dial, which is believed until one was measured.
   */
  welcomed({ said = 0, clock, features }: Promised, dialedAt: number, at: number): void {
    this.#promised = said
    this.agree(features)
    this.watch.clocked(clock, at)
    // What took longer than that was most likely held up, and is no round trip.
    this.watch.dialed(Math.min(at - dialedAt, UNACKNOWLEDGED_MS))
    this.#expect()
  }

  /** Keeps those of this side's features that the other side names too. What else it names is ignored, whatever it is. */
  agree(named: unknown): void {
    const before = this.settings.features
    const features = before?.filter((feature) => Array.isArray(named) && named.includes(feature))
    // The settings that the sessions of a hub share are only copied where there is a difference.
    if (features?.length !== before?.length) this.configure({ features: features?.length ? features : undefined })
  }

  /** New figures, from a welcome. */
  configure(settings: Partial<SessionSettings>): void {
    this.settings = { ...this.settings, ...settings }
    this.watch.configure(this.settings)
  }

  /**
   * Hears the packets of one batch. On a link that is not the current one only probes are answered: a late batch of an old
   * link is no news, because the take told the other side where to replay from.
   *
   * @throws EverwireError `protocol-error`; the caller closes the link.
   */
  hear(link: Link, packets: readonly Packet[], now = this.clockwork.now()): void {
    if (this.link === link) this.watch.heard(now)
    for (const packet of packets) {
      this.host.traffic.receivedBytes += sizeOf(packet)
      const kind = kindOf(packet)
      if (isNumbered(kind)) this.#hearNumbered(link, packet)
      else if (isPart(kind)) this.#hearNumbered(link, packet, kind)
      else if (typeof packet !== "string") throw protocolError("an unknown kind of packet")
      else if (kind === PROBE) this.#answerProbe(link, packet.slice(1).split(","))
      else if (kind !== ACK && kind !== POSITION) this.host.control(link, packet)
      else if (this.link !== link) continue
      else if (kind === ACK) this.#hearAck(link, packet)
      else this.inbox.locate(packet)
    }
    if (this.link !== link) return
    this.#expect(now)
    if (this.owesAck) this.#owe(now)
  }

  /** Something came on this link that is no batch yet. */
  moved(link: Link): void {
    if (this.link !== link) return
    this.watch.heard(this.clockwork.now())
    this.watch.movedAt = this.watch.heardAt
  }

  /**
   * Hears an ack that came beside the link, in the answer to something that went up. It makes room, and nothing more: the
   * link is judged by what it brings.
   *
   * @throws EverwireError `protocol-error`; the caller closes the link.
   */
  acknowledged(link: Link, packets: readonly Packet[]): void {
    for (const packet of packets) {
      if (typeof packet !== "string" || kindOf(packet) !== ACK) throw protocolError("an unknown kind of packet")
      const heard = this.#checked(readCount(packet.slice(1)))
      if (this.link !== link || !this.ack(heard)) continue
      this.#ackedBeside = heard
      this.host.answered(true)
    }
  }

  /** Asks for an ack now. When none comes within `limitMs`, the link is doubted. */
  probe(limitMs = this.watch.probePatienceMs): void {
    if (!this.link || this.watch.probing) return
    // A body is heard when all of it has come. Until the first was, nothing tells how far those ahead of the probe have got.
    const aheadMs = this.link.exchanges && !this.watch.isMeasured ? this.outbox.bytes * SLOWEST : 0
    this.watch.probed(this.clockwork.now(), limitMs + aheadMs)
    this.#isNews = false
    this.#probe = ++this.token
    this.lead(PROBE + this.token)
    this.flushNow()
  }

  /** For the watch: a deadline has passed. */
  due(due: Due): void {
    const { link } = this
    if (link === undefined) return
    switch (due) {
      case "speak":
        this.acking = true
        // A beat asks for an answer: that is the other side's beat, and a wire which only carries one way is noticed.
        if (this.settings.prober || !this.owesAck) this.probe()
        return this.flushNow()
      case "probe":
        return this.probe()
      case "doubt":
        return this.host.doubted(link)
      case "hang-up":
        this.linkLost(link)
        this.host.silent?.(link)
    }
  }

  #owe(now: number): void {
    if (this.inbox.owes(1, this.settings, this.link)) {
      this.acking = true
      this.flushSoon()
    } else this.watch.owes()
    // What only comes down may be acknowledged by count or in answers; whether that goes up is asked as often as otherwise.
    const { prober, ackMs } = this.settings
    if (prober && now - this.watch.probedLastAt >= (now < this.#bulkUntil ? BULK_PROBE_MS : ackMs))
      this.probe(UNACKNOWLEDGED_MS + this.watch.probePatienceMs / 2)
  }

  #answerProbe(link: Link, [token = "", clock]: readonly string[]): void {
    let ack = `${ACK}${this.inbox.heard},${readCount(token)}`
    if (this.link === link) {
      if (clock !== undefined) {
        const now = this.clockwork.now()
        this.#bulkUntil = now + BULK_MS
        ack += `,${this.watch.stoodMs(readCount(clock), now)}`
      }
      this.lead(ack)
      this.settle()
      this.flushSoon()
    } else {
      link.send(ack)
    }
  }

  /** Whether something must come: what was promised, the rest of a packet, or more of a bulk. */
  #expect(now = this.#bulkUntil): void {
    const { heard, part } = this.inbox
    // Answers wait behind the rest of a packet as they do behind the rest of a batch.
    if (part) this.watch.movedAt = this.watch.heardAt
    // A bulk of which nothing came between a probe and its answer is over.
    this.watch.expect(part > 0 || heard < this.#promised || (this.#isNews && now < this.#bulkUntil))
  }

  /** Hears a numbered packet, or a part of one. */
  #hearNumbered(link: Link, packet: Packet, part?: string): void {
    if (this.link !== link) return
    this.#isNews = true
    const whole = this.inbox.take(packet, part, this.settings.maxPacketBytes)
    if (whole === undefined) return
    try {
      if (part && !isNumbered(kindOf(whole))) throw protocolError("an unknown kind of packet")
      this.host.deliver(whole)
    } catch (error) {
      // The packet could not be read, so no handler was called: it was not heard, and the next link brings it again.
      this.inbox.heard--
      throw error
    }
    this.host.traffic.received++
  }

  #hearAck(link: Link, packet: string): void {
    const comma = packet.indexOf(",")
    const heard = this.#checked(readCount(packet.slice(1, comma < 0 ? undefined : comma)))
    const waits = this.said > heard
    let rttMs: number | undefined
    if (comma > 0) {
      // The token of a probe, and for how long that stood in line. An answer tells that the link works.
      const [token = 0, stoodMs = 0] = packet
        .slice(comma + 1)
        .split(",")
        .map(readCount)
      const now = this.clockwork.now()
      rttMs = token === this.#probe ? now - this.watch.probedLastAt : this.pace?.answered(token, stoodMs, now)
      if (rttMs !== undefined) this.watch.answered(rttMs, waits)
    }
    // What was acknowledged beside the link already is progress all the same when the link says it.
    const isNews = this.ack(heard) || heard === this.#ackedBeside
    if (isNews) {
      this.#ackedBeside = undefined
      this.watch.progressed(waits)
    }
    if (isNews || rttMs !== undefined) this.host.answered(false)
    this.writable(link)
  }

  #checked(heard: number): number {
    if (heard > this.said) throw protocolError("more was heard than was said")
    return heard
  }
}
