import { type Packet, sizeOf } from "../wire/batch.ts"
import type { LaneState } from "./delivery/delivery.ts"
import { Inbox } from "./inbox.ts"
import type { ListOutbox, Outbox } from "./outbox.ts"

/**
 * The state with which a session can continue elsewhere, for instance in another process: plain data for
 * `structuredClone`. It contains nothing about links. A restored session has no link, and on its next one both ends
 * tell how far they are. Measurements of the old link are not taken along.
 */
export interface SessionSnapshot {
  /** Number of the last packet that was received and delivered. */
  readonly heard: number
  /** The received parts of the next packet, if that came in parts. */
  readonly parts: readonly Packet[]
  /** Number of the last packet that the other side has acknowledged. */
  readonly acked: number
  /** Number of the last packet that was ever handed to a link. */
  readonly sent: number
  /** The packets after `acked`, oldest first. */
  readonly packets: readonly Packet[]
  /** Messages that may be dropped, and those that wait behind them. Absent if there never was one. */
  readonly lane?: LaneState | undefined
}

/** Everything that a session keeps apart from its link. */
export interface Kept {
  readonly outbox: Outbox
  readonly inbox: Inbox
  /** Of the session's lane, if it has one: see `laneState`. */
  readonly lane?: LaneState | undefined
}

/**
 * Returns a snapshot. To be taken when the session does not continue here, because a packet said later would not be in
 * it.
 */
export function takeSnapshot({ outbox, inbox, lane }: Kept): SessionSnapshot {
  return {
    heard: inbox.heard,
    parts: [...(inbox.parts ?? [])],
    acked: outbox.acked,
    sent: outbox.sent,
    packets: [...outbox.unacknowledged()],
    ...(lane && { lane }),
  }
}

/**
 * Returns the outbox, inbox and state of the lane for a session that continues from this snapshot. `outbox`: an empty one, which is
 * filled.
 */
export function restoreSnapshot<Kind extends Outbox = ListOutbox>(
  { heard, parts, acked, sent, packets, lane }: SessionSnapshot,
  outbox: Kind,
): { outbox: Kind; inbox: Inbox; lane?: LaneState | undefined } {
  // The packets pushed below get the numbers after the last acknowledged one.
  Object.assign(outbox, { said: acked, acked, cursor: acked, sent })
  for (const packet of packets) outbox.push(packet)
  const inbox = new Inbox()
  inbox.heard = heard
  if (parts.length > 0) {
    inbox.parts = [...parts]
    inbox.part = parts.reduce((sum, part) => sum + sizeOf(part), 0)
  }
  return { outbox, inbox, lane }
}
