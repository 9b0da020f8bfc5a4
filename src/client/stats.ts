import type { Dropped } from "../session/delivery/delivery.ts"
import type { Session } from "../session/session.ts"
import type { Traffic } from "../session/traffic.ts"
import type { Closing } from "../wire/errors.ts"
import type { Incident } from "./connect/incident.ts"
import type { Explanation } from "./explain.ts"
import type { Status } from "./options.ts"

/** What only rises while the channel lives, however many sessions it has. */
interface Counted extends Readonly<Traffic> {
  /** How often a session went on after it had been without a link. */
  readonly resumed: number
  /** How often a session could not go on, and the channel began another. */
  readonly resets: number
  /** Messages that were dropped because of their options, by reason. */
  readonly dropped: Dropped
  /** How often each kind of {@link Incident} has occurred. A kind that has not occurred is absent. */
  readonly incidents: Readonly<Partial<Record<Incident["what"], number>>>
}

/** What a channel has done since it was created, and how it is at this moment. Plain data without secrets. */
export interface ChannelStats extends Counted {
  readonly status: Status
  /** Name of the transport in use. Undefined while no link carries the session. */
  readonly transport: string | undefined
  /** Smoothed round trip in milliseconds; 0 until measured. */
  readonly rttMs: number
  /** Packets that the hub has not acknowledged, those that were never handed to a link among them. */
  readonly unacknowledged: number
  /** Bytes of these, with an overhead for each; `maxOutboxBytes` is their cap. */
  readonly bufferedBytes: number
  /** Packets that were never handed to a link. */
  readonly unsent: number
  /** Why a link ended last, or why the channel could not dial or has closed. */
  readonly lastClosing: Closing
}

/** Counters that stand at zero. */
export function createCounters(): Counters {
  return {
    sent: 0,
    received: 0,
    replayed: 0,
    sentBytes: 0,
    receivedBytes: 0,
    resumed: 0,
    resets: 0,
    dropped: { volatile: 0, latest: 0, ttl: 0, full: 0 },
    incidents: {},
  }
}

/** Plain copies of the counters, and how the channel is at this moment. */
export function statsOf(
  { dropped, incidents, ...counters }: Counters,
  { last, acked, unsent, rttMs, bufferedBytes }: Session,
  status: Status,
  { transport, lastClosing }: Explanation,
): ChannelStats {
  return {
    ...counters,
    dropped: { ...dropped },
    incidents: { ...incidents },
    status,
    transport,
    rttMs,
    unacknowledged: last - acked,
    bufferedBytes,
    unsent,
    lastClosing,
  }
}

/** The counters of one channel. */
export type Counters = {
  -readonly [Name in keyof Counted]: Counted[Name] extends number
    ? number
    : { -readonly [Key in keyof Counted[Name]]: Counted[Name][Key] }
}
