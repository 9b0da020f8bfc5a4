import type { Link } from "../../session/link.ts"
import type { Session } from "../../session/session.ts"
import type { Closing } from "../../wire/errors.ts"
import type { Welcome } from "../../wire/handshake.ts"
import type { Explanation } from "../explain.ts"
import type { Attempt } from "./attempt.ts"
import type { DialHost, Identity } from "./attempts.ts"

/** What the connector needs of the channel, and tells it. */
export interface ConnectorHost extends DialHost {
  readonly reprobeMs: readonly number[]
  /** The credentials for the next hellos, or a promise of them, which has so long. */
  readonly auth: () => unknown
  readonly authTimeoutMs: number
  /** A link is about to carry the talk: what is said has to fit. */
  welcomed(welcome: Welcome): void
  /** A link carries the talk: the first, or another. */
  linked(welcome: Welcome, transport: string): void
  /** No link does; the next climb begins in so many milliseconds. */
  unlinked(why: Closing, retryInMs: number): void
  /** The hub does not know the session: mints another. */
  reset(why: Closing): Identity
  /** Nothing will help: the channel is over. */
  ended(why: Closing): void
}

/** Keeps the session of a channel linked. */
export interface Connector {
  /** The session of this moment. */
  readonly session: Session
  /** The attempt whose link carries the talk. */
  readonly current: Attempt | undefined
  /** Which transport carries the talk, why, and what happened to the others. */
  explain(): Pick<Explanation, "transport" | "why" | "rungs" | "incidents">
  open(): void
  /**
   * Ends it: says goodbye on the current link, and beside it when that is not heard. Resolves when the hub has heard it, or
   * after twice `GOODBYE_MS`.
   */
  close(why: Closing): Promise<void>
  /** Something about the page or the network changed: look at once at whatever is being waited for. */
  nudge(forgive: boolean): void
  /** The page is being put away: let go of the wire, keep the session unless it is for ever. `nudge` brings it back. */
  park(forEver: boolean): void
  /** The session's link does not answer: dial again without dropping it. */
  doubted(): void
  /** The session's link answers. */
  answered(): void
  /** A packet of the handshake on a link that was welcomed: only a bye is one. */
  control(link: Link, packet: string): void
}
