import type { Dropped } from "../session/delivery/delivery.ts"
import type { Traffic } from "../session/traffic.ts"
import type { Closing } from "../wire/errors.ts"
import type { Incident } from "./connect/incident.ts"
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

/** The counters of one channel. */
export type Counters = {
  -readonly [Name in keyof Counted]: Counted[Name] extends number
    ? number
    : { -readonly [Key in keyof Counted[Name]]: Counted[Name][Key] }
}
