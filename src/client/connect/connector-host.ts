import type { Link } from "../../session/link.ts"
import type { Session } from "../../session/session.ts"
import type { Closing } from "../../wire/errors.ts"
import type { AuthReason, Welcome } from "../../wire/handshake.ts"
import type { Explanation } from "../explain.ts"
import type { Attempt, Identity } from "./attempt.ts"
import type { DialHost, DialSettings } from "./dial.ts"

/** What a connector needs of the channel's options. */
export interface ConnectorSettings extends DialSettings {
  readonly reprobeMs: readonly number[]
  /**
   * Returns credentials or a promise of them: for the next hellos, which may take `authTimeoutMs`, or for the hub, which
   * asks because the last ones expire.
   */
  readonly auth: (reason: AuthReason) => unknown
  readonly authTimeoutMs: number
}

/** The channel as the connector sees it: its settings, and the events that the connector reports to it. */
export interface ConnectorHost extends ConnectorSettings, DialHost {
  /**
   * A link is about to carry the session. The channel checks that what it has queued fits the limits of the welcome.
   */
  welcomed(welcome: Welcome): void
  /** A link carries the session: the first one, or one that replaces another. */
  linked(welcome: Welcome, transport: string): void
  /** No link carries the session. The next climb begins in `retryInMs` milliseconds. */
  unlinked(why: Closing, retryInMs: number): void
  /**
   * The hub does not know the session, or has ended it: then it has received the packets up to `heard`, and no others.
   * The channel begins a new one and returns its identity.
   */
  reset(why: Closing, heard?: number): Identity
  /** The connection cannot be restored by dialing again: the channel is closed. */
  ended(why: Closing): void
}

/** Finds a link for the session of a channel, and another whenever the link is lost. */
export interface Connector {
  /** The session that is kept linked now. */
  readonly session: Session
  /** The attempt whose link carries the session. */
  readonly current: Attempt | undefined
  /** Reports which transport carries the session, why, and what happened to the others. */
  explain(): Explanation
  open(): void
  /**
   * Ends the connector. It sends a bye on the current link, and if that does not arrive, by a request without a link
   * (see `Dialer.leave`). Resolves when the hub has received the bye, or after twice `GOODBYE_MS`.
   */
  close(why: Closing): Promise<void>
  /**
   * The page or the network has changed: whatever the connector waits for, it looks at once. `forgive`: the network may
   * be another one, so verdicts on transports are forgotten.
   */
  nudge(forgive: boolean): void
  /**
   * The page is being put away: the connector closes the link and keeps the session for `nudge`. With `forEver` it ends
   * the session too.
   */
  park(forEver: boolean): void
  /** The session's link did not answer in time: dial again, and keep that link until another one works. */
  doubted(): void
  /** The session's link has answered. */
  answered(): void
  /**
   * A welcomed link received a packet of the handshake. Only a bye may come then, or a question for credentials if that
   * feature is on; anything else throws.
   */
  control(link: Link, packet: string): void
}
