import type { Packet } from "../wire/batch.ts"
import type { DropReason } from "./delivery/delivery.ts"
import type { Link } from "./link.ts"
import type { PulseSettings } from "./pulse.ts"
import type { Traffic } from "./traffic.ts"

/** What a session tells its seat. */
export interface SessionHost {
  /** A numbered packet, exactly once and in order. */
  deliver(packet: Packet): void
  /** A packet of the handshake (or of an unknown kind), which is the seat's to judge; on whichever link it came. */
  control(link: Link, packet: string): void
  /** The current link has not answered in time. It stays current until the seat attaches another. */
  doubted(link: Link): void
  /**
   * The current link has been silent for longer than the heartbeat timeout. The session has let go of it. Absent on a
   * channel: it doubts a silent link, and keeps it until it has another.
   */
  silent?(link: Link): void
  /** The other side acknowledged more, or answered the last probe. `beside`: not on the link, so nothing is known of that. */
  answered(beside: boolean): void
  /** Where the session counts what it carries. */
  readonly traffic: Traffic
  /** A message was dropped, which only one with a delivery class can be. */
  dropped?(reason: DropReason): void
}

/** How this seat acknowledges, beside the figures of the welcome. */
export interface SessionSettings extends PulseSettings {
  /** Heard packets after which an ack goes at once. */
  readonly ackPackets: number
  /** Heard bytes after which an ack goes at once. */
  readonly ackBytes: number
  /** The outbox takes no more above this. */
  readonly maxOutboxBytes: number
  /** A packet that comes in parts may be so large. */
  readonly maxPacketBytes?: number | undefined
  /** Sorted names of what this side can do beyond version 1 of the protocol; once the other side has named its own, of what both can do. */
  readonly features?: readonly string[] | undefined
}

/** How far a side has heard: the number of the last packet, and how much of the one behind it. */
export interface Heard {
  readonly heard: number
  readonly part?: number | undefined
}

/** What a welcome tells of the side that sent it. */
export interface Promised {
  readonly said?: number | undefined
  readonly clock?: number | undefined
  readonly features?: unknown
}
