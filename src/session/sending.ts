import { type Batch, encodeBatch, joinBatches, type Packet, sizeOf } from "../wire/batch.ts"
import { BATCH_BYTES, LINK_BUFFER_BYTES } from "../wire/defaults.ts"
import { ACK, POSITION, PROBE } from "../wire/kinds.ts"
import type { Flushable } from "./clockwork.ts"
import type { Delivery } from "./delivery/delivery.ts"
import { Keeping } from "./keeping.ts"
import type { Link } from "./link.ts"
import { HIGH_WATER_BYTES, Pace } from "./pace.ts"
import type { Due } from "./pulse.ts"
import type { Heard } from "./session-host.ts"
import { Watch, type WatchHost } from "./watch.ts"

/** When more than this waits in a session, it begins to measure the speed of its link. */
const PACE_BYTES = 4_096
/** Size of batches and parts before that. */
const FIRST_BATCH_BYTES = 16_384

/** With messages that may be dropped, an ack is asked for after so many packets. */
const LANE_ACK_PACKETS = 64

/**
 * The half of a session that sends: it hands batches of what is kept to the link, with the acks and probes that go along.
 * `Session` adds the half that receives.
 */
export abstract class Sending extends Keeping implements WatchHost, Flushable {
  readonly watch = new Watch(this.clockwork, this.settings, this)
  /** Whether the link has been told the number of our first packet on it. */
  #isLocated = false
  /** Up to this number an ack was asked for on this link. */
  #asked = 0
  /** Up to this number an ack is wanted as soon as it can come. */
  #wanted = 0
  /** Unnumbered packets that lead the next batch. */
  #leading: string[] | undefined
  /** Whether an ack of all that was heard by then leads the next batch too. */
  protected acking = false
  /** Whether a flush is due at the end of this tick. */
  #flushing = false
  /** Token of the last probe, whether the link is judged or measured by it. */
  protected token = 0
  /** Made when there is first much to send. */
  protected pace: Pace | undefined

  /** For the watch: a deadline has passed. */
  abstract due(due: Due): void

  /** Whether no more waits than the link carries in about a second. */
  get hasRoom(): boolean {
    return (
      this.bufferedBytes < Math.min(this.pace?.highWaterBytes ?? HIGH_WATER_BYTES, this.settings.maxOutboxBytes / 2)
    )
  }

  /** Whether something was heard since the last ack. */
  get owesAck(): boolean {
    return this.inbox.owedPackets > 0
  }

  /** The current link has room again. */
  writable(link: Link): void {
    if (this.link === link && this.outbox.cursor < this.last) this.flushSoon()
  }

  /** The link is gone. Nothing is lost: what was not acknowledged waits for the next one. */
  linkLost(link: Link): void {
    if (this.link !== link) return
    this.link = undefined
    this.watch.stop()
    this.lane?.settle(this.outbox)
  }

  /** Has everything said so far acknowledged soon: the question goes right behind it, on this link or the next one. */
  ask(): void {
    this.#wanted = this.last
    this.flushSoon()
  }

  /** What has been heard, for an answer that goes on this link anyway. Undefined when it is not the current one. */
  acknowledgement(link: Link): string | undefined {
    if (this.link !== link) return undefined
    this.settle()
    return ACK + this.inbox.heard
  }

  /**
   * Ends the session. Returns what was said and not acknowledged, and how many of those certainly never left. What a
   * break would have dropped is not among it. `deliveries`: by number, the first being behind `acked`.
   */
  end(): {
    readonly unacknowledged: readonly Packet[]
    unsent: number
    deliveries: ReadonlyMap<number, Delivery> | undefined
  } {
    const outbox = this.outbox
    this.ended = true
    this.link = undefined
    this.watch.stop()
    this.lane?.end(outbox)
    return {
      // The hub has packed what it keeps for a peer that does not keep up, and only counts that.
      get unacknowledged() {
        return outbox.unacknowledged()
      },
      unsent: outbox.said - Math.max(outbox.sent, outbox.acked),
      deliveries: this.lane?.numbered,
    }
  }

  /** Another link is current, or the same one again: what goes next on it is what the other side has not heard. */
  protected begin(link: Link, { heard, part }: Heard, sent: number, opening: string | undefined): void {
    this.host.traffic.replayed += Math.max(0, this.outbox.sent - this.acked)
    this.rode(sent)
    const cursor = Math.max(sent, this.outbox.acked)
    const begun = cursor === heard && part ? part : 0
    // A packet of which the other side has a part is finished as it was begun.
    this.lane?.withdraw(this.outbox, begun ? cursor + 1 : cursor)
    this.outbox.seek(cursor, begun)
    this.link = link
    this.#asked = 0
    this.#isLocated = false
    this.pace?.linked()
    this.#leading = undefined
    if (opening) this.lead(opening)
  }

  /** The other side has heard up to this number. Returns whether that is new. */
  protected ack(heard: number): boolean {
    if (heard <= this.outbox.acked) return false
    // More may have been heard on an older link than this one was to repeat: go on behind it, and say where.
    if (this.outbox.cursor < heard) this.#isLocated = false
    this.outbox.ack(heard)
    this.lane?.acked(heard)
    if (this.outbox.bytes === 0) this.pace?.settled()
    return true
  }

  protected flushSoon(): void {
    if (this.#flushing || !this.link) return
    this.#flushing = true
    this.clockwork.flushSoon(this)
  }

  /**
   * Hands what was said so far to the link now instead of at the end of the tick. `isLast`: even if the other end has not asked
   * for it, because nothing will be handed on later.
   */
  flushNow(isLast = false): void {
    this.#flushing = false
    const { link } = this
    if (!link) return
    const now = this.clockwork.now()
    // An ack rides on what goes anyway once it is half due, so that a quick exchange is not an ack per message.
    if (
      this.owesAck &&
      (this.inbox.owes(1 / 2, this.settings, link) || now - this.watch.owedSince >= this.settings.ackMs / 2)
    )
      this.acking = true
    const outbox = this.outbox
    const lane = this.lane
    if (this.bufferedBytes > PACE_BYTES) this.pace ??= new Pace()
    const pace = this.pace
    pace?.begin(link, now)
    this.#mark(link, now)
    while (
      outbox.cursor < this.last &&
      link.bufferedBytes < LINK_BUFFER_BYTES &&
      (isLast || link.asked !== 0) &&
      !pace?.isFull(outbox.bytes, outbox.cursor === outbox.said)
    ) {
      lane?.fill(outbox, Math.min(BATCH_BYTES, pace?.partBytes ?? FIRST_BATCH_BYTES))
      if (outbox.cursor === outbox.said) break
      this.#send(link, this.#nextBatch(link, now), now)
      this.#mark(link, now)
      this.watch.waits(now)
    }
    this.#mark(link, now, true)
    lane?.settle(outbox)
    const asked = Math.max(outbox.acked, this.#asked)
    const wanted = Math.min(this.#wanted, this.last)
    // Otherwise a slow link's far end acknowledges too rarely: what it has long heard is kept here, or fills the window
    // for which messages wait in the lane.
    const most = lane?.packets.size ? 0 : lane && !link.exchanges ? LANE_ACK_PACKETS : Infinity
    if ((wanted > asked && outbox.cursor >= wanted) || outbox.cursor - asked > most) {
      this.#asked = outbox.cursor
      this.lead(PROBE + ++this.token)
    }
    const leading = this.#takeLeading()
    if (leading !== undefined) this.#send(link, leading, now)
  }

  /**
   * What leads, then as much of what the link has not been handed as makes a batch. What is first on a link goes in one
   * piece: a wire that carries but one batch makes progress with each link. Later, a large batch is not copied to take an
   * ack along.
   */
  #nextBatch(link: Link, now: number): Batch {
    const outbox = this.outbox
    const position = this.#isLocated
      ? undefined
      : `${POSITION}${outbox.cursor + 1}${outbox.part > 0 ? `+${outbox.part}` : ""}`
    const leading = this.#takeLeading(position)
    this.#isLocated = true
    const pace = this.pace
    const batch = outbox.next(pace?.partBytes ?? FIRST_BATCH_BYTES, pace?.batchBytes ?? FIRST_BATCH_BYTES)
    pace?.handed(sizeOf(batch), now)
    this.rode(outbox.cursor)
    if (leading === undefined) return batch
    if (position || sizeOf(batch) < BATCH_BYTES) return joinBatches([leading, batch])
    this.#send(link, leading, now)
    return batch
  }

  /** Has the link measured by what is handed on next, when that is due. */
  #mark(link: Link, now: number, isLast = false): void {
    if (link.asked !== 0 && this.pace?.isMarkDue(this.token + 1, this.bufferedBytes, now, isLast))
      this.lead(`${PROBE}${++this.token},${Math.floor(now)}`)
  }

  #send(link: Link, batch: Batch, now: number): void {
    this.watch.spokeAt = now
    this.host.traffic.sentBytes += sizeOf(batch)
    link.send(batch)
  }

  protected lead(packet: string): void {
    this.#leading ??= []
    this.#leading.push(packet)
  }

  /** The unnumbered packets that lead a batch, if there are any, with the position last. */
  #takeLeading(position?: string): Batch | undefined {
    if (this.acking) {
      this.lead(ACK + this.inbox.heard)
      this.settle()
    }
    if (position !== undefined) this.lead(position)
    const leading = this.#leading
    this.#leading = undefined
    return leading && encodeBatch(leading)
  }

  protected settle(): void {
    this.acking = false
    this.inbox.settle()
    this.watch.settled()
  }
}
