import type { Link } from "../../session/link.ts"
import type { Dialer } from "../../transports/transport.ts"
import type { Welcome } from "../../wire/handshake.ts"

/** One dial of one rung, from the hello to the end of its link; or to a bye behind which the link brings another hello. */
export interface Attempt {
  readonly dialer: Dialer
  /** Place in the ladder that the user gave: 0 is preferred. */
  readonly rank: number
  startedAt: number
  /** When anything last showed that it is being answered. */
  movedAt: number
  link: Link
  /** The turn that its hello or its last take carried; 0 while it only probes. */
  turn: number
  /** Number of the last packet that rode with the hello. */
  sent: number
  /** The hub's answer to the hello. */
  welcome?: Welcome
  /** When it came. */
  welcomedAt: number
  /** When something last came after the welcome; absent while nothing has. */
  heardAt?: number
  /** Until when a rung that is known to flap must live before it is trusted with the session; absent where it need not. */
  trialUntil?: number | undefined
  /** Whether more than one batch came down, where a proxy may hold a stream back after the first. */
  proved: boolean
  /** Whether this is the session's link and has not answered in time. */
  doubted?: boolean
  /** Whether its link has ended or was let go. */
  over?: boolean
  /** Stops the wait after which it is given up. */
  cancelYield?: (() => void) | undefined
}
