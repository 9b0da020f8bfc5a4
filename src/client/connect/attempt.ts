import type { Link } from "../../session/link.ts"
import type { Session } from "../../session/session.ts"
import type { Dialer } from "../../transports/transport.ts"
import type { Closing } from "../../wire/errors.ts"
import type { Welcome } from "../../wire/handshake.ts"
import type { Incident } from "./incident.ts"

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

/** The session that is kept linked: its id, and the secret key that opens it at the hub. */
export interface Identity {
  readonly id: string
  readonly key: string
  readonly session: Session
}

/**
 * All attempts of one channel that have not ended, including the current one, and the incidents of all. Nobody else
 * writes to an attempt.
 */
export interface Attempts {
  /** The last incidents, oldest first. */
  readonly incidents: readonly Incident[]
  readonly live: ReadonlySet<OwnAttempt>
  /** The attempt whose link carries the session. */
  readonly current: OwnAttempt | undefined
  /** The current attempt, unless its link has not answered in time. */
  healthy(): OwnAttempt | undefined
  /** All attempts but the current one. */
  newcomers(): readonly OwnAttempt[]
  /** The session that is kept linked now. */
  readonly session: Session
  /** Id of the hub that has the session. Undefined until a hub has welcomed it. */
  readonly hub: string | undefined
  /**
   * When the hub that has the session last showed that it is alive. Before the first sign: when the channel was
   * created.
   */
  readonly aliveAt: number
  /**
   * Rank of the link before this climb. Undefined if that link was not healthy until it broke, or if something since
   * suggests another network.
   */
  readonly known: number | undefined
  /**
   * Whether a link was doubted and none has proved itself since. Something may hold back all that follows a welcome, so
   * every new link must prove itself by a second batch, as a stream always must, and other rungs are dialed meanwhile.
   */
  readonly isWary: boolean
  /**
   * Dials a rung and sends the hello. If no link works and no other attempt is open, the hello has a turn: the link
   * carries the session as soon as it is welcomed, and small packets are sent together with the hello. Otherwise it only
   * probes: a link that carries data in one direction alone must not take the session over, and the hub must not send
   * its packets on several links. `again`: an attempt that was refused and whose link the hub left open; the new hello
   * is sent on that link.
   */
  dial(rank: number, auth: unknown, again?: OwnAttempt): OwnAttempt
  /** A hub welcomed the session. Returns whether this link is to carry it from now on. */
  welcomed(attempt: OwnAttempt, welcome: Welcome): boolean
  /** There is a sign that an answer is on its way. */
  moved(attempt: OwnAttempt): void
  /** A batch came after the welcome. Returns whether it proves the link. `isAnswer`: it answers a packet of this side. */
  heard(attempt: OwnAttempt, isAnswer: boolean): boolean
  /** Makes the link of this attempt the current one, and ends the one before it. */
  adopt(attempt: OwnAttempt, welcome: Welcome): void
  /** The link of this attempt works, doubted or not: newcomers on its rung or worse ones are let go. */
  trust(attempt: OwnAttempt): void
  /** The current link did not answer in time. */
  doubt(attempt: OwnAttempt): void
  /** The network may be another one: verdicts are forgotten. */
  forgive(): void
  /** The current link has ended. */
  lost(attempt: OwnAttempt, why: Closing): void
  /**
   * The hello of an attempt that came to nothing may have made its link the current one at the hub. This undoes that: for
   * the hub, the link of this attempt is the current one again.
   */
  retake(attempt: OwnAttempt): void
  /** A new session begins, which no hub has yet. Its turns continue those of the last session, because they only have to rise. */
  begin(identity: Identity): void
  /** The link of an attempt has ended. Packets that were sent with its hello may have been delivered. */
  end(attempt: OwnAttempt, what: Incident["what"], why?: Closing): void
  /** The hub does not know the session. Packets that were sent with this hello were not delivered. */
  refuse(attempt: OwnAttempt, why: Closing): void
  /**
   * Ends a link that is not needed. `mute`: send nothing, because a bye might wait for the connection that the link
   * holds.
   */
  letGo(attempt: OwnAttempt, mute?: boolean): void
  /** Ends all links. */
  dropAll(why: Closing): void
  /**
   * Makes sure that the hub knows that the session has ended: by the bye on its link, or by a request without a link.
   */
  leave(link: Link | undefined, why: Closing): Promise<void>
}
