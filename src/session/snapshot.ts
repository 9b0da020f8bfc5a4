import { type Packet, sizeOf } from "../wire/batch.ts"
import { Inbox } from "./inbox.ts"
import type { ListOutbox, Outbox } from "./outbox.ts"

/**
 * What a session has to know to go on elsewhere, in another process for instance: plain data, for `structuredClone`. It knows
 * nothing of links: a restored session has none, and the next link tells both sides where they are. What was measured of the
 * old link is left behind with it.
 */
export interface SessionSnapshot {
  /** Number of the last packet that was heard and delivered. */
  readonly heard: number
  /** What has been heard of the packet behind it, which comes in parts. */
  readonly parts: readonly Packet[]
  /** Number of the last packet that the other side has acknowledged. */
  readonly acked: number
  /** Number of the last packet that any link was ever handed. */
  readonly sent: number
  /** The packets behind `acked`, oldest first. */
  readonly packets: readonly Packet[]
}

/** What is kept of both ways: all that a session remembers beyond its link. */
export interface Kept {
  readonly outbox: Outbox
  readonly inbox: Inbox
}

/** What this session would have to know elsewhere. To be taken when it does not go on here: it says nothing more. */
export function takeSnapshot({ outbox, inbox }: Kept): SessionSnapshot {
  return {
    heard: inbox.heard,
    parts: [...(inbox.parts ?? [])],
    acked: outbox.acked,
    sent: outbox.sent,
    packets: [...outbox.unacknowledged()],
  }
}

/** What a session is made with that goes on from here. `outbox`: a new one. */
export function restoreSnapshot<Kind extends Outbox = ListOutbox>(
  { heard, parts, acked, sent, packets }: SessionSnapshot,
  outbox: Kind,
): { outbox: Kind; inbox: Inbox } {
  // Its numbers go on behind what was acknowledged.
  Object.assign(outbox, { said: acked, acked, cursor: acked, sent })
  for (const packet of packets) outbox.push(packet)
  const inbox = new Inbox()
  inbox.heard = heard
  if (parts.length > 0) {
    inbox.parts = [...parts]
    inbox.part = parts.reduce((sum, part) => sum + sizeOf(part), 0)
  }
  return { outbox, inbox }
}
