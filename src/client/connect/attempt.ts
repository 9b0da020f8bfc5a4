import type { Link } from "../../session/link.ts"
import type { Dialer } from "../../transports/transport.ts"
import type { Welcome } from "../../wire/handshake.ts"

/**
 * One dial of one rung, from its hello until its link has ended. It also ends with a bye after which the channel says
 * another hello on the same link. Only `Attempts` and the connector write to it.
 */
export interface Attempt {
  readonly dialer: Dialer
  /** Place of the rung in the ladder that the application gave. 0 is preferred. */
  readonly rank: number
  readonly startedAt: number
  /** When the last sign of an answer came, for instance bytes of one. Before that: when it was dialed. */
  readonly movedAt: number
  readonly link: Link
  /** The turn in its hello or its last take. Undefined if the hello was sent without one, only to probe the rung. */
  readonly turn?: number | undefined
  /** Number of the last packet that was sent together with the hello. */
  readonly sent: number
  /** The hub's answer to the hello. */
  readonly welcome?: Welcome
  /** When the welcome came. Before that: when the rung was dialed. */
  readonly welcomedAt: number
  /** When the last batch after the welcome came. Undefined before the first. */
  readonly heardAt?: number
  /** Until when the link must live before it may carry the session. Set if links of this rung have died young. */
  readonly trialUntil?: number
  /**
   * Whether the link is known to deliver more than one batch. A streamed transport proves it by its second batch,
   * because a proxy may buffer the stream after the first. So does every transport that is dialed after a doubt. All
   * others count as proved from the start.
   */
  readonly proved: boolean
  /** Whether this is the session's link and did not answer in time. */
  readonly doubted?: boolean
  /** Whether the link has ended or was let go. */
  readonly over?: boolean
  /** Cancels the timer after which the attempt gives up the connection that it holds. */
  readonly cancelYield?: (() => void) | undefined
}

/** An attempt with writable fields, for the code that owns it. */
export type OwnAttempt = { -readonly [Field in keyof Attempt]: Attempt[Field] }
