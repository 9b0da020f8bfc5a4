import type { Clockwork } from "../../session/clockwork.ts"
import type { Link } from "../../session/link.ts"
import type { Runtime } from "../../session/runtime.ts"
import type { Session } from "../../session/session.ts"
import type { LinkOrigin } from "../../transports/transport.ts"
import type { Closing } from "../../wire/errors.ts"
import type { HubCounts } from "../counts.ts"
import type { HubObserver } from "../observer.ts"

/** What the links of a session need from the hub. */
export interface LinksHost {
  readonly runtime: Runtime
  readonly clockwork: Clockwork
  readonly hub: string
  readonly observer: HubObserver
  readonly counts: HubCounts
}

/** Asks for fresh credentials before the principal of the session expires. */
export interface PrincipalExpiry {
  /** Whether the links were closed because no fresh credentials came. */
  readonly hasDismissed: boolean
  /** The principal was judged anew, for the link that this request opened. `Infinity`: it does not expire. */
  renew(expiresAt: number, origin: LinkOrigin): void
  /** A link has become the current one. */
  attached(): void
  /** A channel sent credentials. @throws EverwireError `protocol-error` unless they were asked for */
  answered(packet: string): void
  /** The session has ended. */
  end(): void
}

/** The session that the links belong to. */
export interface LinkedSession {
  readonly session: Session
  readonly peer: { readonly id: string }
  /** How many of its links have input that waits to be handled. */
  readonly backlogs: number
  /** Given when the hub drains. */
  readonly call: object | undefined
  end(why: Closing): void
  /** Ends it here. If it is kept in the store, another process may go on with it. */
  leave(why: Closing): void
  /** How long the session may stay without a link, in milliseconds. `mayReturn`: see `SessionLinks.detached`. */
  windowMs(mayReturn: boolean): number
  /** The session has lost its last link. */
  isAway(): void
  /** The link was closed because the session has too many. */
  refused(why: Closing, link: Link): void
}
