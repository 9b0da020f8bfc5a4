import type { Clockwork, Flushable } from "./clockwork.ts"
import { type Batch, encodeBatch, joinBatches, type Packet, sizeOf } from "./codec.ts"
import { BATCH_BYTES, EXCHANGE_ACKS, LINK_BUFFER_BYTES, MAX_OUTBOX_BYTES, NUDGE_MS, RIDE_BYTES } from "./defaults.ts"
import { EverwireError, protocolError } from "./errors.ts"
import { Inbox } from "./inbox.ts"
import type { Link } from "./link.ts"
import { Outbox } from "./outbox.ts"
import { isNumbered, kindOf, readCount } from "./packet.ts"
import type { Due, PulseSettings } from "./pulse.ts"
import { Watch, type WatchHost } from "./watch.ts"

/** What a session tells its seat. */
export interface SessionHost {
  /** A numbered packet, exactly once and in order. */
  deliver(packet: Packet): void
  /** A packet of the handshake (or of an unknown kind), which is the seat's to judge; on whichever link it came. */
  control(link: Link, packet: string): void
  /** The current link has not answered in time. It stays current until the seat attaches another. */
  doubted(link: Link): void
  /** The current link has been silent for longer than the patience. The session has let go of it. */
  silent(link: Link): void
  /** The other side acknowledged more, or answered the last probe. `beside`: not on the link, so nothing is known of that. */
  answered(beside: boolean): void
}

/** How this seat acknowledges, beside the figures of the welcome. */
export interface SessionSettings extends PulseSettings {
  /** Heard packets after which an ack goes at once. */
  readonly ackPackets: number
  /** Heard bytes after which an ack goes at once. */
  readonly ackBytes: number
  /** The outbox takes no more above this. */
  readonly maxOutboxBytes?: number | undefined
}

/** The link that is current, and how far the two sides have told each other where they are on it. */
interface Current {
  readonly link: Link
  /** Whether this link has been told the number of our first packet on it. */
  positioned: boolean
  /** Number of the next packet heard on this link, once the other side has stated it. */
  expected: number | undefined
}

/**
 * The ordered, reliable, resumable conversation inside both Channel and Peer. It is synchronous, symmetric and owns no
 * wire: inputs are `say`, `attach`, `hear`, `writable`, `linkLost` and `end`, outputs go to its host. Within its life
 * every packet said is delivered on the other side exactly once and in order, whatever links come and go.
 */
export class Session implements WatchHost, Flushable {
  readonly #clockwork: Clockwork
  readonly #host: SessionHost
  #settings: SessionSettings
  readonly #outbox = new Outbox()
  readonly #inbox = new Inbox()
  /** Undefined while there is no link, null when the session has ended: then there is none for ever. */
  #current: Current | undefined | null
  /** Unnumbered packets that lead the next batch. */
  #leading: string[] | undefined
  /** Whether an ack of whatever has been heard by then leads the next batch too. */
  #acking = false
  /** Highest number that was ever handed to any link: what lies beyond was certainly not heard. */
  #everSent = 0
  /** Whether a flush is due at the end of this tick. */
  #flushing = false
  /** What was acknowledged beside the link, until the link has said it too. */
  #ackedBeside: number | undefined
  /** Token of the probe in flight, or of the last one. */
  #probe = 0
  readonly #watch: Watch

  constructor(clockwork: Clockwork, host: SessionHost, settings: SessionSettings) {
    this.#clockwork = clockwork
    this.#host = host
    this.#settings = settings
    this.#watch = new Watch(clockwork, settings, this)
  }

  /** Highest number heard and delivered. */
  get heard(): number {
    return this.#inbox.heard
  }
  /** Highest number said. */
  get said(): number {
    return this.#outbox.said
  }
  /** Highest number the other side has acknowledged. */
  get acked(): number {
    return this.#outbox.acked
  }
  /** Bytes said and not acknowledged, with overhead. */
  get bufferedBytes(): number {
    return this.#outbox.bytes
  }
  /** Smoothed round trip in milliseconds; 0 until measured. */
  get rttMs(): number {
    return this.#watch.rttMs
  }
  /** The current link. */
  get link(): Link | undefined {
    return this.#current?.link
  }
  get ended(): boolean {
    return this.#current === null
  }
  /** Since when the current link has carried nothing, either way. */
  get idleSince(): number {
    return Math.max(this.#watch.heardAt, this.#watch.spokeAt)
  }

  /**
   * Says a numbered packet; it leaves at the end of the tick, or with the next link. `list` and `place`: where a log that
   * many share has it.
   *
   * @throws EverwireError `buffer-full` when the outbox cannot hold it: it was not taken.
   */
  say(packet: Packet, list?: readonly Packet[], place?: number): void {
    if (this.ended) return
    const { bytes } = this.#outbox
    if (bytes > 0 && bytes + sizeOf(packet) > (this.#settings.maxOutboxBytes ?? MAX_OUTBOX_BYTES)) {
      throw new EverwireError("buffer-full", `${bytes} bytes are waiting to be acknowledged`, {
        retryable: true,
      })
    }
    this.#outbox.push(packet, list, place)
    this.#flushSoon()
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
      if (typeof packet !== "string" || 3 * packet.length > room) break
      room -= 3 * packet.length
      packets.push(packet)
      sent++
    }
    return { packets: packets.length > 0 ? [`n${this.#outbox.acked + 1}`, ...packets] : [], sent }
  }

  /** What rode with a hello, up to this number, may have been heard. (A hello that was refused was not.) */
  rode(sent: number): void {
    if (sent > this.#everSent) this.#everSent = sent
  }

  /**
   * Makes this link the current one. The other side has heard everything up to `heard`; what follows is replayed, unless
   * it rode with the hello (up to `sent`). `opening` leads the first batch.
   *
   * @throws EverwireError `protocol-error` when the other side claims to have heard what was never said.
   */
  attach(link: Link, heard: number, sent = heard, opening?: string): void {
    if (this.ended) return
    if (heard > this.#outbox.said) throw protocolError("more was heard than was said")
    if (this.#progress(heard)) this.#watch.progressed(this.#outbox.said > heard)
    this.rode(sent)
    const cursor = Math.max(sent, this.#outbox.acked)
    this.#outbox.seek(cursor)
    // Taken once more, a link still brings what was sent on it before the take.
    const expected = this.#current?.link === link ? this.#current.expected : undefined
    this.#current = { link, positioned: false, expected }
    this.#leading = opening === undefined ? undefined : [opening]
    const isFirst = this.#settings.prober === Boolean(link.exchanges)
    this.#watch.start(this.#clockwork.now(), this.#outbox.said > this.#outbox.acked, isFirst)
    this.#flush()
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
  hear(link: Link, packets: readonly Packet[]): void {
    if (this.link === link) this.#watch.heard(this.#clockwork.now())
    for (const packet of packets) {
      const kind = kindOf(packet)
      if (isNumbered(kind)) this.#hearNumbered(link, packet)
      else if (typeof packet !== "string") throw protocolError("an unknown kind of packet")
      else if (kind === "p") this.#answerProbe(link, packet.slice(1))
      else if (kind !== "a" && kind !== "n") this.#host.control(link, packet)
      else if (this.link !== link) continue
      else if (kind === "a") this.#hearAck(packet)
      else this.#hearPosition(packet)
    }
    if (this.#inbox.owedPackets > 0 && this.link === link) this.#owe()
  }

  /** What has been heard, for an answer that goes on this link anyway. Undefined when it is not the current one. */
  acknowledgement(link: Link): string | undefined {
    if (this.link !== link) return undefined
    this.#settleAck()
    return `a${this.#inbox.heard}`
  }

  /**
   * Hears an ack that came beside the link, in the answer to something that went up. It makes room, and nothing more: the
   * link is judged by what it brings.
   *
   * @throws EverwireError `protocol-error`; the caller closes the link.
   */
  acknowledged(link: Link, packets: readonly Packet[]): void {
    for (const packet of packets) {
      if (typeof packet !== "string" || kindOf(packet) !== "a") throw protocolError("an unknown kind of packet")
      const heard = this.#readHeard(packet.slice(1))
      if (this.link !== link || !this.#progress(heard)) continue
      this.#ackedBeside = heard
      this.#host.answered(true)
    }
  }

  /** The current link has room again. */
  writable(link: Link): void {
    if (this.link === link) this.#flush()
  }

  /** The link is gone. Nothing is lost: what was not acknowledged waits for the next one. */
  linkLost(link: Link): void {
    if (this.link !== link) return
    this.#current = undefined
    this.#leading = undefined
    this.#watch.stop()
  }

  /** Asks for an ack now. When none comes within `limitMs`, the link is doubted. */
  probe(limitMs = NUDGE_MS): void {
    if (!this.link || this.#watch.probing) return
    this.#watch.probed(this.#clockwork.now(), limitMs)
    this.#lead(`p${++this.#probe}`)
    this.#flush()
  }

  /** Hands everything said so far to the link now instead of at the end of the tick. */
  flushNow(): void {
    this.#flushing = false
    this.#flush()
  }

  /** Ends the session. Returns what was said and not acknowledged, and how many of those certainly never left. */
  end(): { unacknowledged: Packet[]; unsent: number } {
    const unacknowledged = [...this.#outbox.unacknowledged()]
    const unsent = Math.min(unacknowledged.length, this.#outbox.said - this.#everSent)
    this.#current = null
    this.#watch.stop()
    return { unacknowledged, unsent }
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
        this.#host.silent(link)
    }
  }

  #flushSoon(): void {
    if (this.#flushing || !this.#current) return
    this.#flushing = true
    this.#clockwork.flushSoon(this)
  }

  #flush(): void {
    const current = this.#current
    if (!current) return
    const now = this.#clockwork.now()
    this.#rideAck(now)
    while (this.#outbox.cursor < this.#outbox.said && current.link.bufferedBytes < LINK_BUFFER_BYTES) {
      this.#send(current.link, this.#nextBatch(current, now), now)
      this.#watch.waits(now)
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
    const position = current.positioned ? undefined : `n${this.#outbox.cursor + 1}`
    const leading = this.#takeLeading(position)
    current.positioned = true
    const batch = this.#outbox.next()
    this.rode(this.#outbox.cursor)
    if (leading === undefined) return batch
    if (position || sizeOf(batch) < BATCH_BYTES) return joinBatches([leading, batch])
    this.#send(current.link, leading, now)
    return batch
  }

  #send(link: Link, batch: Batch, now: number): void {
    this.#watch.spoke(now)
    link.send(batch)
  }

  #lead(packet: string): void {
    this.#leading ??= []
    this.#leading.push(packet)
  }

  /** The unnumbered packets that lead a batch, if there are any, with the position last. */
  #takeLeading(position?: string): Batch | undefined {
    if (this.#acking) {
      this.#lead(`a${this.#inbox.heard}`)
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
    if (this.#owesPart(1 / 2) || this.#watch.owedFor(now) >= this.#settings.ackMs / 2) this.#acking = true
  }

  #settleAck(): void {
    this.#acking = false
    this.#inbox.settle()
    this.#watch.settled()
  }

  #owe(): void {
    if (this.#owesPart(1)) {
      this.#acking = true
      this.#flushSoon()
      // A flow that only comes down is acknowledged by count; whether that goes up is asked as often as otherwise.
      const { prober, ackMs } = this.#settings
      if (prober && this.#watch.unprobedFor(this.#clockwork.now()) >= ackMs) this.probe()
    } else this.#watch.owes()
  }

  /** Whether so large a part of what makes an ack due has been heard. */
  #owesPart(part: number): boolean {
    const { owedPackets, owedBytes } = this.#inbox
    const { ackPackets, ackBytes } = this.#settings
    const least = this.link?.exchanges ? part * EXCHANGE_ACKS : part
    return owedPackets >= least * ackPackets || owedBytes >= least * ackBytes
  }

  #answerProbe(link: Link, token: string): void {
    readCount(token)
    if (this.link === link) {
      this.#lead(`a${this.#inbox.heard},${token}`)
      this.#settleAck()
      this.#flushSoon()
    } else {
      link.send(`a${this.#inbox.heard},${token}`)
    }
  }

  #hearNumbered(link: Link, packet: Packet): void {
    const current = this.#current
    if (current?.link !== link) return
    if (current.expected === undefined) throw protocolError("a numbered packet before its position")
    if (this.#inbox.accept(current.expected++, sizeOf(packet))) this.#host.deliver(packet)
  }

  #hearAck(packet: string): void {
    const comma = packet.indexOf(",")
    const heard = this.#readHeard(packet.slice(1, comma < 0 ? undefined : comma))
    const token = comma < 0 ? 0 : readCount(packet.slice(comma + 1))
    const answered = token > 0 && token === this.#probe
    if (answered) this.#watch.answered(this.#outbox.said > heard)
    // What was acknowledged beside the link already is progress all the same when the link says it.
    const isNews = this.#progress(heard) || heard === this.#ackedBeside
    if (isNews) {
      this.#ackedBeside = undefined
      this.#watch.progressed(this.#outbox.said > heard)
    }
    if (isNews || answered) this.#host.answered(false)
    if (this.#outbox.cursor < this.#outbox.said) this.#flushSoon()
  }

  #readHeard(digits: string): number {
    const heard = readCount(digits)
    if (heard > this.#outbox.said) throw protocolError("more was heard than was said")
    return heard
  }

  #hearPosition(packet: string): void {
    const number = readCount(packet.slice(1))
    if (number === 0 || number > this.#inbox.heard + 1) throw protocolError("a position beyond what was heard")
    if (this.#current) this.#current.expected = number
  }

  #progress(heard: number): boolean {
    if (heard <= this.#outbox.acked) return false
    // More may have been heard on an older link than this one was to repeat: go on behind it, and say where.
    if (this.#current && this.#outbox.cursor < heard) this.#current.positioned = false
    this.#outbox.ack(heard)
    return true
  }
}
