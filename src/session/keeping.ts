import { type Packet, sizeOf } from "../wire/batch.ts"
import { EverwireError } from "../wire/errors.ts"
import { POSITION } from "../wire/kinds.ts"
import type { Clockwork } from "./clockwork.ts"
import type { Delivery, LaneState } from "./delivery/delivery.ts"
import { Lane } from "./delivery/lane.ts"
import { Inbox } from "./inbox.ts"
import type { Link } from "./link.ts"
import { ListOutbox, type Outbox, type SharedPackets } from "./outbox.ts"
import type { SessionHost, SessionSettings } from "./session-host.ts"

/** Most of the outbox that is sent together with a hello. The rest of the 16 KiB is for credentials. */
const RIDE_BYTES = 8_192

/**
 * The part of a session that keeps packets until the other side has acknowledged them: the outbox, and in front of it
 * the lane with messages that may be dropped. `Sending` hands them to links.
 */
export abstract class Keeping {
  protected readonly clockwork: Clockwork
  protected readonly host: SessionHost
  settings: SessionSettings
  readonly outbox: Outbox
  readonly inbox: Inbox
  /** Messages that may be dropped, and those behind them. Made for the first message that may be dropped. */
  lane: Lane | undefined
  /** The current link. */
  link: Link | undefined
  ended = false

  /** `outbox`, `inbox` and `lane`: those of a session that goes on, see `restoreSnapshot`. */
  constructor(
    clockwork: Clockwork,
    host: SessionHost,
    settings: SessionSettings,
    outbox: Outbox = new ListOutbox(),
    inbox = new Inbox(),
    lane?: LaneState,
  ) {
    this.clockwork = clockwork
    this.host = host
    this.settings = settings
    this.outbox = outbox
    this.inbox = inbox
    if (lane) this.lane = new Lane(clockwork, host, lane)
  }

  /** Sees to it that the link is handed what was said, at the end of this tick. */
  protected abstract flushSoon(): void

  /** Highest number said. */
  get said(): number {
    return this.outbox.said
  }
  /** The number of what was said last; it gets a lower one, or none, if messages in the lane are dropped. */
  get last(): number {
    return this.outbox.said + (this.lane?.packets.size ?? 0)
  }
  /** Highest number the other side has acknowledged. */
  get acked(): number {
    return this.outbox.acked
  }
  /** Whether everything up to a former `last` was acknowledged or dropped. */
  isSettled(last: number): boolean {
    return this.acked >= Math.min(last, this.last)
  }
  /** How much of it was never handed to a link. */
  get unsent(): number {
    return this.last - this.outbox.sent
  }
  /** Bytes said and not acknowledged, with overhead. */
  get bufferedBytes(): number {
    return this.outbox.bytes + (this.lane?.bytes ?? 0)
  }

  /**
   * Says a numbered packet; it leaves at the end of the tick, or with the next link. `list` and `place`: where a log that
   * many share has it. `delivery`: when it may be dropped instead; then it has no number until a link can take it.
   *
   * @throws EverwireError `buffer-full` when the outbox cannot hold it: it was not taken.
   */
  say(packet: Packet, list?: SharedPackets, place?: number, delivery?: Delivery): void {
    if (this.ended) return
    this.host.traffic.sent++
    if (delivery) {
      this.lane ??= new Lane(this.clockwork, this.host)
      this.lane.drop(delivery.key, "latest")
      if (delivery.volatile && !this.link) return this.host.dropped?.("volatile")
    }
    this.lane?.makeRoom(this.#excess(packet))
    if (this.#excess(packet) > 0) {
      if (delivery) return this.host.dropped?.("full")
      throw new EverwireError("buffer-full", `${this.bufferedBytes} bytes wait to be acknowledged`, { retryable: true })
    }
    if (delivery || this.lane?.packets.size) this.lane?.add({ packet, list, place, delivery })
    else this.outbox.push(packet, list, place)
    this.flushSoon()
  }

  /** How many bytes too many the outbox would hold with this packet. An empty one takes any packet. */
  #excess(packet: Packet): number {
    const bytes = this.bufferedBytes
    return bytes > 0 ? bytes + sizeOf(packet) - this.settings.maxOutboxBytes : 0
  }

  /**
   * What may go together with a hello, before anything is known of the other side: as much of the outbox as is small,
   * behind a position. `sent` is the number of the last packet that goes, for the `attach` that follows.
   */
  ride(): { packets: Packet[]; sent: number } {
    let sent = this.acked
    const packets: Packet[] = [POSITION + (sent + 1)]
    let room = RIDE_BYTES
    for (const packet of this.outbox.unacknowledged()) {
      if (typeof packet !== "string" || this.lane?.numbered.has(sent + 1)) break
      room -= 3 * packet.length // most that its characters can be in UTF-8
      if (room < 0) break
      packets.push(packet)
      sent++
    }
    return { packets: sent > this.acked ? packets : [], sent }
  }

  /** Takes back what no link was handed and `isRefused`. The other side is told nothing of it but its number. */
  withdraw(isRefused: (packet: Packet, number: number) => boolean): void {
    this.outbox.withdraw(isRefused)
    this.lane?.refuse(isRefused, this.outbox.said)
  }

  /** This packet is not to be handed to a link any more, unless one has a part of it. */
  retract(packet: Packet): void {
    const { cursor, part } = this.outbox
    this.withdraw((one, number) => one === packet && (part === 0 || number > cursor + 1))
  }

  /** What rode with a hello, up to this number, may have been heard. (A hello that was refused was not.) */
  rode(sent: number): void {
    this.outbox.sent = Math.max(this.outbox.sent, sent)
  }
}
