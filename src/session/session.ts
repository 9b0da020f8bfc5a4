import { type Batch, encodeBatch, joinBatches, type Packet, sizeOf } from "../wire/batch.ts"
import {
  BATCH_BYTES,
  EXCHANGE_ACKS,
  FIRST_BATCH_BYTES,
  HIGH_WATER_BYTES,
  LINK_BUFFER_BYTES,
  MAX_OUTBOX_BYTES,
  NUDGE_MS,
  PACE_BYTES,
  RIDE_BYTES,
  UNACKNOWLEDGED_MS,
} from "../wire/defaults.ts"
import { EverwireError, protocolError } from "../wire/errors.ts"
import { ACK, isNumbered, isPart, POSITION, PROBE } from "../wire/kinds.ts"
import { kindOf, readCount } from "../wire/packet.ts"
import type { Clockwork, Flushable } from "./clockwork.ts"
import type { Delivery, LaneState } from "./delivery/delivery.ts"
import { Lane } from "./delivery/lane.ts"
import { Inbox } from "./inbox.ts"
import type { Link } from "./link.ts"
import { ListOutbox, type Outbox, type SharedPackets } from "./outbox.ts"
import { Pace } from "./pace.ts"
import type { Due } from "./pulse.ts"
import type { Heard, Promised, SessionHost, SessionSettings } from "./session-host.ts"
import { Watch, type WatchHost } from "./watch.ts"

export type { Heard, Promised, SessionHost, SessionSettings } from "./session-host.ts"

/** The link that is current, and how far the two sides have told each other where they are on it. */
interface Current {
  readonly link: Link
  /** Up to this number an ack was asked for on this link. */
  ackAsked: number
  /** Whether this link has been told the number of our first packet on it. */
  positioned: boolean
}

/** The other side has sent a mark, so it is in the middle of a bulk: for so long more is expected to come. */
const BULK_MS = 2_000
/** Meanwhile the channel probes so often, unless a probe is on its way. So a link that dies is noticed soon. */
const BULK_PROBE_MS = 500
/** With messages that may be dropped, an ack is asked for after so many packets. */
const LANE_ACK_PACKETS = 64
/** What has to go and to be answered takes so long for each byte, in milliseconds, on the slowest links: 20 kbit/s, both ways. */
const SLOWEST = 0.8

/**
 * The ordered, reliable, resumable conversation inside both Channel and Peer. It is synchronous, symmetric and owns no
 * wire: inputs are `say`, `attach`, `hear`, `writable`, `linkLost` and `end`, outputs go to its host. Within its life
 * every packet said is delivered on the other side exactly once and in order, whatever links come and go.
 */
export class Session implements WatchHost, Flushable {
  readonly #clockwork: Clockwork
  readonly #host: SessionHost
  #settings: SessionSettings
  readonly #outbox: Outbox
  readonly #inbox: Inbox
  /** Undefined while there is no link, null when the session has ended: then there is none for ever. */
  #current: Current | undefined | null
  /** Unnumbered packets that lead the next batch. */
  #leading: string[] | undefined
  /** Whether an ack of whatever has been heard by then leads the next batch too. */
  #acking = false
  /** Whether a flush is due at the end of this tick. */
  #flushing = false
  /** What was acknowledged beside the link, until the link has said it too. */
  #ackedBeside: number | undefined
  /** Up to this number an ack is wanted as soon as it can come. */
  #wanted = 0
  /** Token of the last probe of any kind, and of the last one by which the link is judged. */
  #token = 0
  #probe = 0
  /** Number of the last packet that the other side is known to have said. */
  #promised = 0
  /** Made when there is first much to say. */
  #pace: Pace | undefined
  /** Until when more of a bulk is expected, because the other side has measured the link. */
  #bulkUntil = 0
  /** Whether data came since this side last probed. */
  #isNews = false
  /** Made for the first message that may be dropped. */
  #lane: Lane | undefined
  readonly #watch: Watch

  /** `outbox`, `inbox` and `lane`: those of a session that goes on, see {@link restoreSnapshot}. */
  constructor(
    clockwork: Clockwork,
    host: SessionHost,
    settings: SessionSettings,
    outbox: Outbox = new ListOutbox(),
    inbox = new Inbox(),
    lane?: LaneState,
  ) {
    this.#clockwork = clockwork
    this.#host = host
    this.#settings = settings
    this.#outbox = outbox
    this.#inbox = inbox
    this.#watch = new Watch(clockwork, settings, this)
    if (lane) this.#lane = new Lane(clockwork, host, lane)
  }

  /** Highest number heard and delivered. */
  get heard(): number {
    return this.#inbox.heard
  }
  /** How much has been heard of the packet behind it. */
  get part(): number | undefined {
    return this.#inbox.part || undefined
  }
  /** Highest number said. */
  get said(): number {
    return this.#outbox.said
  }
  /** The number of what was said last; it gets a lower one, or none, if messages in the lane are dropped. */
  get last(): number {
    return this.#outbox.said + (this.#lane?.packets.size ?? 0)
  }
  /** Highest number the other side has acknowledged. */
  get acked(): number {
    return this.#outbox.acked
  }
  /** Whether everything up to a former `last` was acknowledged or dropped. */
  isSettled(last: number): boolean {
    return this.acked >= Math.min(last, this.last)
  }
  /** Messages that may be dropped, and those behind them. */
  get lane(): Lane | undefined {
    return this.#lane
  }
  /** Bytes said and not acknowledged, with overhead. */
  get bufferedBytes(): number {
    return this.#outbox.bytes + (this.#lane?.bytes ?? 0)
  }
  /** Whether no more waits than the link carries in about a second. */
  get hasRoom(): boolean {
    const { maxOutboxBytes = MAX_OUTBOX_BYTES } = this.#settings
    return this.bufferedBytes < Math.min(this.#pace?.highWaterBytes ?? HIGH_WATER_BYTES, maxOutboxBytes / 2)
  }
  /** Smoothed round trip in milliseconds; 0 until measured. */
  get rttMs(): number {
    return this.#watch.rttMs
  }
  /** The current link. */
  get link(): Link | undefined {
    return this.#current?.link
  }
  /** Whether something was heard since the last ack. */
  get owesAck(): boolean {
    return this.#inbox.owedPackets > 0
  }
  get ended(): boolean {
    return this.#current === null
  }
  /** What both sides can do beyond version 1 of the protocol; until the other side has said, what this side can do. */
  get features(): readonly string[] | undefined {
    return this.#settings.features
  }
  /** Since when the current link has carried nothing, either way. */
  get idleSince(): number {
    return Math.max(this.#watch.heardAt, this.#watch.spokeAt)
  }

  /**
   * Says a numbered packet; it leaves at the end of the tick, or with the next link. `list` and `place`: where a log that
   * many share has it. `delivery`: when it may be dropped instead; then it has no number until a link can take it.
   *
   * @throws EverwireError `buffer-full` when the outbox cannot hold it: it was not taken.
   */
  say(packet: Packet, list?: SharedPackets, place?: number, delivery?: Delivery): void {
    if (this.ended) return
    if (delivery) {
      this.#lane ??= new Lane(this.#clockwork, this.#host)
      this.#lane.drop(delivery.key, "latest")
      if (delivery.volatile && !this.#current) return this.#host.dropped?.("volatile")
    }
    if (this.#excess(packet) > 0) {
      this.#lane?.makeRoom(this.#excess(packet))
      if (this.#excess(packet) > 0) {
        if (delivery) return this.#host.dropped?.("full")
        throw new EverwireError("buffer-full", `${this.bufferedBytes} bytes wait to be acknowledged`, {
          retryable: true,
        })
      }
    }
    if (delivery || this.#lane?.packets.size) this.#lane?.add({ packet, list, place, delivery })
    else this.#outbox.push(packet, list, place)
    this.#flushSoon()
  }

  /** How many bytes too many the outbox would hold with this packet. An empty one takes any packet. */
  #excess(packet: Packet): number {
    const bytes = this.bufferedBytes
    return bytes > 0 ? bytes + sizeOf(packet) - (this.#settings.maxOutboxBytes ?? MAX_OUTBOX_BYTES) : 0
  }

  /**
   * What may ride with a hello, before anything is known of the other side: as much of the outbox as is small, behind a
   * position. `sent` is the number of the last packet that rides, for the `attach` that follows.
   */
  ride(): { packets: Packet[]; sent: number } {
    const packets: Packet[] = []
    let room = RIDE_BYTES
    let sent = this.#outbox.acked
    for (const packet of this.#outbox.unacknowledged()) {
      if (typeof packet !== "string" || this.#lane?.numbered.has(sent + 1)) break
      room -= 3 * packet.length
      if (room < 0) break
      packets.push(packet)
      sent++
    }
    return { packets: packets.length > 0 ? [POSITION + (this.#outbox.acked + 1), ...packets] : [], sent }
  }

  /** Takes back what no link was handed and `isRefused`. The other side is told nothing of it but its number. */
  withdraw(isRefused: (packet: Packet, number: number) => boolean): void {
    this.#outbox.withdraw(isRefused)
    this.#lane?.refuse(isRefused, this.#outbox.said)
  }

  /** This packet is not to be handed to a link any more, unless one has a part of it. */
  retract(packet: Packet): void {
    const { cursor, part } = this.#outbox
    this.withdraw((one, number) => one === packet && (part === 0 || number > cursor + 1))
  }

  /** What rode with a hello, up to this number, may have been heard. (A hello that was refused was not.) */
  rode(sent: number): void {
    this.#outbox.sent = Math.max(this.#outbox.sent, sent)
  }

  /**
   * Makes this link the current one. The other side has heard so far; what follows is replayed, unless it rode with the
   * hello (up to `sent`). `opening` leads the first batch.
   *
   * @throws EverwireError `protocol-error` when the other side claims to have heard what was never said.
   */
  attach(link: Link, { heard, part }: Heard, sent = heard, opening?: string): void {
    if (this.ended) return
    if (heard > this.#outbox.said) throw protocolError("more was heard than was said")
    const isNews = this.#progress(heard)
    if (isNews) this.#watch.progressed(this.#outbox.said > heard)
    this.rode(sent)
    const cursor = Math.max(sent, this.#outbox.acked)
    const begun = cursor === heard && part ? part : 0
    // A packet of which the other side has a part is finished as it was begun.
    this.#lane?.withdraw(this.#outbox, begun ? cursor + 1 : cursor)
    this.#outbox.seek(cursor, begun)
    // If this link is taken once more, what was sent on it before the take may still come.
    const isAgain = this.link === link
    if (!isAgain) this.#inbox.relink()
    this.#current = { link, ackAsked: 0, positioned: false }
    this.#pace?.linked()
    this.#leading = opening === undefined ? undefined : [opening]
    const isFirst = this.#settings.prober === Boolean(link.exchanges)
    this.#watch.start(this.#clockwork.now(), this.#outbox.said > this.#outbox.acked, isFirst, isAgain)
    this.#flush()
    if (isNews) this.#host.answered(true)
  }

  /**
   * What the welcome of the next link tells: that the other side has said so much, which must come; what its clock showed; and
   * that a round trip takes no longer than the dial, which is believed until one was measured.
   */
  welcomed({ said = 0, clock, features }: Promised, dialedAt: number, at: number): void {
    this.#promised = said
    this.agree(features)
    this.#watch.clocked(clock, at)
    // What took longer than that was most likely held up, and is no round trip.
    this.#watch.dialed(Math.min(at - dialedAt, UNACKNOWLEDGED_MS))
    this.#expect()
  }

  /** What the other side's clock showed in the handshake of the next link, which was heard at this moment. */
  clocked(clock: number | undefined, at: number): void {
    this.#watch.clocked(clock, at)
  }

  /** Keeps those of this side's features that the other side names too. What else it names is ignored, whatever it is. */
  agree(named: unknown): void {
    const features = this.features?.filter((feature) => Array.isArray(named) && named.includes(feature))
    // The settings that the sessions of a hub share are only copied where there is a difference.
    if (features?.length !== this.features?.length)
      this.#settings = { ...this.#settings, features: features?.length ? features : undefined }
  }

  /** New figures, from a welcome. */
  configure(settings: Partial<SessionSettings>): void {
    this.#settings = { ...this.#settings, ...settings }
    this.#watch.configure(this.#settings)
  }

  /**
   * Hears the packets of one batch. On a link that is not the current one only probes are answered: a late batch of an old
   * link is no news, because the take told the other side where to replay from.
   *
   * @throws EverwireError `protocol-error`; the caller closes the link.
   */
  hear(link: Link, packets: readonly Packet[], now = this.#clockwork.now()): void {
    if (this.link === link) this.#watch.heard(now)
    for (const packet of packets) {
      const kind = kindOf(packet)
      if (isNumbered(kind)) this.#hearNumbered(link, packet)
      else if (isPart(kind)) this.#hearNumbered(link, packet, kind)
      else if (typeof packet !== "string") throw protocolError("an unknown kind of packet")
      else if (kind === PROBE) this.#answerProbe(link, packet.slice(1).split(","))
      else if (kind !== ACK && kind !== POSITION) this.#host.control(link, packet)
      else if (this.link !== link) continue
      else if (kind === ACK) this.#hearAck(packet)
      else this.#inbox.locate(packet)
    }
    if (this.link !== link) return
    this.#expect(now)
    if (this.#inbox.owedPackets > 0) this.#owe(now)
  }

  /** Something came on this link that is no batch yet. */
  moved(link: Link): void {
    if (this.link !== link) return
    const now = this.#clockwork.now()
    this.#watch.heard(now)
    this.#watch.movedAt = now
  }

  /** What has been heard, for an answer that goes on this link anyway. Undefined when it is not the current one. */
  acknowledgement(link: Link): string | undefined {
    if (this.link !== link) return undefined
    this.#settleAck()
    return ACK + this.#inbox.heard
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
      const heard = this.#readHeard(packet.slice(1))
      if (this.link !== link || !this.#progress(heard)) continue
      this.#ackedBeside = heard
      this.#host.answered(true)
    }
  }

  /** The current link has room again. */
  writable(link: Link): void {
    if (this.link === link && this.#outbox.cursor < this.last) this.#flushSoon()
  }

  /** The link is gone. Nothing is lost: what was not acknowledged waits for the next one. */
  linkLost(link: Link): void {
    if (this.link !== link) return
    this.#current = undefined
    this.#leading = undefined
    this.#watch.stop()
    this.#lane?.settle(this.#outbox)
  }

  /** Has everything said so far acknowledged soon: the question goes right behind it, on this link or the next one. */
  ask(): void {
    this.#wanted = this.last
    this.#flushSoon()
  }

  /** Asks for an ack now. When none comes within `limitMs`, the link is doubted. */
  probe(limitMs = NUDGE_MS): void {
    if (!this.link || this.#watch.probing) return
    // A body is heard when all of it has come. Until the first was, nothing tells how far those ahead of the probe have got.
    const aheadMs = this.link.exchanges && !this.#watch.isMeasured ? this.#outbox.bytes * SLOWEST : 0
    this.#watch.probed(this.#clockwork.now(), limitMs + aheadMs)
    this.#isNews = false
    this.#probe = ++this.#token
    this.#lead(PROBE + this.#token)
    this.#flush()
  }

  /**
   * Hands what was said so far to the link now instead of at the end of the tick. `isLast`: even if the other end has not asked
   * for it, because nothing will be handed on later.
   */
  flushNow(isLast = false): void {
    this.#flushing = false
    this.#flush(isLast)
  }

  /**
   * Ends the session. Returns what was said and not acknowledged, and how many of those certainly never left. What a
   * break would have dropped is not among it. `deliveries`: by number, the first being behind `acked`.
   */
  end(): { unacknowledged: Packet[]; unsent: number; deliveries: ReadonlyMap<number, Delivery> | undefined } {
    const outbox = this.#outbox
    this.#current = null
    this.#watch.stop()
    this.#lane?.end(outbox)
    const unacknowledged = [...outbox.unacknowledged()]
    const unsent = Math.min(unacknowledged.length, outbox.said - outbox.sent)
    return { unacknowledged, unsent, deliveries: this.#lane?.numbered }
  }

  /** For the watch: a deadline has passed. */
  due(due: Due): void {
    const { link } = this
    if (link === undefined) return
    switch (due) {
      case "speak":
        this.#acking = true
        // A beat asks for an answer: that is the other side's beat, and a wire which only carries one way is noticed.
        if (this.#settings.prober || this.#inbox.owedPackets === 0) this.probe(this.#watch.probePatienceMs)
        this.#flush()
        return
      case "probe":
        return this.probe(this.#watch.probePatienceMs)
      case "doubt":
        return this.#host.doubted(link)
      case "hang-up":
        this.linkLost(link)
        this.#host.silent?.(link)
    }
  }

  #flushSoon(): void {
    if (this.#flushing || !this.#current) return
    this.#flushing = true
    this.#clockwork.flushSoon(this)
  }

  #flush(isLast = false): void {
    const current = this.#current
    if (!current) return
    const now = this.#clockwork.now()
    this.#rideAck(now)
    const { link } = current
    const outbox = this.#outbox
    const lane = this.#lane
    if (this.bufferedBytes > PACE_BYTES) this.#pace ??= new Pace()
    const pace = this.#pace
    pace?.begin(link, now)
    this.#mark(now)
    while (
      outbox.cursor < this.last &&
      mayHand(link, isLast) &&
      !pace?.isFull(outbox.bytes, outbox.cursor === outbox.said)
    ) {
      lane?.fill(outbox, Math.min(BATCH_BYTES, pace?.partBytes ?? FIRST_BATCH_BYTES))
      if (outbox.cursor === outbox.said) break
      this.#send(link, this.#nextBatch(current, now), now)
      this.#mark(now)
      this.#watch.waits(now)
    }
    this.#mark(now, true)
    lane?.settle(outbox)
    // Otherwise a slow link's far end acknowledges too rarely: what it has long heard is kept here, or fills the window
    // for which messages wait in the lane.
    const unasked = lane ? outbox.cursor - Math.max(outbox.acked, current.ackAsked) : 0
    if (unasked > (lane?.packets.size ? 0 : link.exchanges ? Infinity : LANE_ACK_PACKETS)) this.#wanted = outbox.cursor
    const wanted = Math.min(this.#wanted, this.last)
    if (wanted > Math.max(outbox.acked, current.ackAsked) && outbox.cursor >= wanted) {
      current.ackAsked = wanted
      this.#lead(PROBE + ++this.#token)
    }
    const leading = this.#takeLeading()
    if (leading !== undefined) this.#send(current.link, leading, now)
  }

  /**
   * What leads, then as much of what the link has not been handed as makes a batch. What is first on a link goes in one
   * piece: a wire that carries but one batch makes progress with each link. Later, a large batch is not copied to take an
   * ack along.
   */
  #nextBatch(current: Current, now: number): Batch {
    const outbox = this.#outbox
    const position = current.positioned
      ? undefined
      : `${POSITION}${outbox.cursor + 1}${outbox.part > 0 ? `+${outbox.part}` : ""}`
    const leading = this.#takeLeading(position)
    current.positioned = true
    const pace = this.#pace
    const batch = outbox.next(pace?.partBytes ?? FIRST_BATCH_BYTES, pace?.batchBytes ?? FIRST_BATCH_BYTES)
    pace?.handed(sizeOf(batch), now)
    this.rode(outbox.cursor)
    if (leading === undefined) return batch
    if (position || sizeOf(batch) < BATCH_BYTES) return joinBatches([leading, batch])
    this.#send(current.link, leading, now)
    return batch
  }

  /** Has the link measured by what is handed on next, when that is due. */
  #mark(now: number, isLast = false): void {
    if (this.link?.asked === 0) return
    if (this.#pace?.isMarkDue(this.#token + 1, this.bufferedBytes, now, isLast))
      this.#lead(`${PROBE}${++this.#token},${Math.floor(now)}`)
  }

  #send(link: Link, batch: Batch, now: number): void {
    this.#watch.spokeAt = now
    link.send(batch)
  }

  #lead(packet: string): void {
    this.#leading ??= []
    this.#leading.push(packet)
  }

  /** The unnumbered packets that lead a batch, if there are any, with the position last. */
  #takeLeading(position?: string): Batch | undefined {
    if (this.#acking) {
      this.#lead(ACK + this.#inbox.heard)
      this.#settleAck()
    }
    if (position !== undefined) this.#lead(position)
    const leading = this.#leading
    this.#leading = undefined
    return leading && encodeBatch(leading)
  }

  /** An ack rides on what goes anyway once it is half due, so that a quick exchange is not an ack per message. */
  #rideAck(now: number): void {
    if (this.#inbox.owedPackets === 0) return
    if (this.#owesPart(1 / 2) || now - this.#watch.owedSince >= this.#settings.ackMs / 2) this.#acking = true
  }

  #settleAck(): void {
    this.#acking = false
    this.#inbox.settle()
    this.#watch.settled()
  }

  #owe(now: number): void {
    if (this.#owesPart(1)) {
      this.#acking = true
      this.#flushSoon()
    } else this.#watch.owes()
    // What only comes down may be acknowledged by count or in answers; whether that goes up is asked as often as otherwise.
    const { prober, ackMs } = this.#settings
    if (prober && now - this.#watch.probedLastAt >= (now < this.#bulkUntil ? BULK_PROBE_MS : ackMs))
      this.probe(UNACKNOWLEDGED_MS + this.#watch.probePatienceMs / 2)
  }

  /** Whether so large a part of what makes an ack due has been heard. */
  #owesPart(part: number): boolean {
    const { owedPackets, owedBytes } = this.#inbox
    const { ackPackets, ackBytes } = this.#settings
    const least = this.link?.exchanges ? part * EXCHANGE_ACKS : part
    return owedPackets >= least * ackPackets || owedBytes >= least * ackBytes
  }

  #answerProbe(link: Link, [token = "", clock]: readonly string[]): void {
    let ack = `${ACK}${this.#inbox.heard},${readCount(token)}`
    if (this.link === link) {
      if (clock !== undefined) {
        const now = this.#clockwork.now()
        this.#bulkUntil = now + BULK_MS
        ack += `,${this.#watch.stoodMs(readCount(clock), now)}`
      }
      this.#lead(ack)
      this.#settleAck()
      this.#flushSoon()
    } else {
      link.send(ack)
    }
  }

  /** Whether something must come: what was promised, the rest of a packet, or more of a bulk. */
  #expect(now = this.#bulkUntil): void {
    const { heard, part } = this.#inbox
    // A bulk of which nothing came between a probe and its answer is over.
    this.#watch.expect(part > 0 || heard < this.#promised || (this.#isNews && now < this.#bulkUntil))
  }

  /** Hears a numbered packet, or a part of one. */
  #hearNumbered(link: Link, packet: Packet, part?: string): void {
    if (this.link !== link) return
    this.#isNews = true
    const whole = this.#inbox.take(packet, part, this.#settings.maxPacketBytes)
    if (whole === undefined) return
    try {
      if (part && !isNumbered(kindOf(whole))) throw protocolError("an unknown kind of packet")
      this.#host.deliver(whole)
    } catch (error) {
      // The packet could not be read, so no handler was called: it was not heard, and the next link brings it again.
      this.#inbox.heard--
      throw error
    }
  }

  #hearAck(packet: string): void {
    const comma = packet.indexOf(",")
    const heard = this.#readHeard(packet.slice(1, comma < 0 ? undefined : comma))
    const answered = comma >= 0 && this.#hearAnswer(packet.slice(comma + 1), this.#outbox.said > heard)
    // What was acknowledged beside the link already is progress all the same when the link says it.
    const isNews = this.#progress(heard) || heard === this.#ackedBeside
    if (isNews) {
      this.#ackedBeside = undefined
      this.#watch.progressed(this.#outbox.said > heard)
    }
    if (isNews || answered) this.#host.answered(false)
    if (this.#outbox.cursor < this.last) this.#flushSoon()
  }

  /** The token of a probe, and for how long that stood in line. Answers whether it tells that the link works. */
  #hearAnswer(answer: string, waits: boolean): boolean {
    const [token = 0, stoodMs = 0] = answer.split(",").map(readCount)
    if (token > 0 && token === this.#probe) {
      this.#watch.answered(waits)
      return true
    }
    const rttMs = this.#pace?.answered(token, stoodMs, this.#clockwork.now())
    if (rttMs !== undefined) this.#watch.took(rttMs, waits)
    return rttMs !== undefined
  }

  #readHeard(digits: string): number {
    const heard = readCount(digits)
    if (heard > this.#outbox.said) throw protocolError("more was heard than was said")
    return heard
  }

  #progress(heard: number): boolean {
    if (heard <= this.#outbox.acked) return false
    // More may have been heard on an older link than this one was to repeat: go on behind it, and say where.
    if (this.#current && this.#outbox.cursor < heard) this.#current.positioned = false
    this.#outbox.ack(heard)
    this.#lane?.acked(heard)
    if (this.#outbox.bytes === 0) this.#pace?.settled()
    return true
  }
}

function mayHand(link: Link, isLast: boolean): boolean {
  return link.bufferedBytes < LINK_BUFFER_BYTES && (isLast || link.asked !== 0)
}
