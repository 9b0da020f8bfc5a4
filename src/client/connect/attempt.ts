import type { Link } from "../../session/link.ts"
import type { Dialer } from "../../transports/transport.ts"
import type { Welcome } from "../../wire/handshake.ts"

/**
 * One dial of one rung, from the hello to the end of its link; or to a bye behind which the link brings another hello. Only
 * `Attempts` writes to it.
 */
export interface Attempt {
  readonly dialer: Dialer
  /** Place in the ladder that the user gave: 0 is preferred. */
  readonly rank: number
  readonly startedAt: number
  /** When anything last showed that it is being answered. */
  readonly movedAt: number
  readonly link: Link
  /** The turn that its hello or its last take carried; absent while it only probes. */
  readonly turn?: number | undefined
  /** Number of the last packet that rode with the hello. */
  readonly sent: number
  /** The hub's answer to the hello. */
  readonly welcome?: Welcome
  /** When it came; before that, when the rung was dialed. */
  readonly welcomedAt: number
  /** When something last came after the welcome; absent while nothing has. */
  readonly heardAt?: number
  /** Until when a rung that is known to flap must live before it is trusted with the session; absent where it need not. */
  readonly trialUntil?: number
  /** Whether more than one batch came down, where a proxy may hold a stream back after the first. */
  readonly proved: boolean
  /** Whether this is the session's link and has not answered in time. */
  readonly doubted?: boolean
  /** Whether its link has ended or was let go. */
  readonly over?: boolean
  /** Stops the wait after which it is given up. */
  readonly cancelYield?: (() => void) | undefined
}

/** An attempt, as the one that writes to it sees it. */
export type OwnAttempt = { -readonly [Field in keyof Attempt]: Attempt[Field] }
