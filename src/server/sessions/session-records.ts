import type { DropReason } from "../../session/delivery/delivery.ts"
import type { Link } from "../../session/link.ts"
import type { Closing, Code } from "../../wire/errors.ts"

/** Where each session of a hub reports what becomes of it. `S` is the class of the sessions. */
export interface SessionRecords<S> {
  /** What came over this link was not accepted, or the session ends because the hub keeps too much. */
  notAccepted(hubSession: S, why: Closing, link: Link | undefined): void
  /** A message that may be dropped was not sent. */
  dropped(hubSession: S, reason: DropReason): void
  /** The channel acknowledged more packets, or a request that was open may be over. */
  progressed(hubSession: S): void
  /** How long the session may stay without a link, in milliseconds. `mayReturn`: see `SessionLinks.detached`. */
  windowMs(hubSession: S, mayReturn: boolean): number
  /** The session is over, so no hello finds it any more. `why`: what a hello with its key is answered with. */
  forget(hubSession: S, why: Closing): void
  /** A session has ended, with the code that its peer's `onClose` gets. */
  left(code: Code): void
  /**
   * The listeners of the peer's `onClose` have been called. `undelivered`: how many messages the channel had not
   * acknowledged. `transport`: that of the last link, if the session had one at the end.
   */
  told(hubSession: S, code: Code, undelivered: number, transport: string | undefined): void
}
