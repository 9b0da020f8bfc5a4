import type { Batch } from "../wire/batch.ts"
import type { Closing } from "../wire/errors.ts"

/**
 * One live connection of any kind: ordered, may die, never lies.
 *
 * - Batches arrive in the order they were sent, each at most once. When one is lost, everything after it is lost too and
 *   the link closes.
 * - `send` never throws and never blocks. What is sent before the wire is open waits; what is sent after the end is
 *   forgotten.
 * - After one's own `close` the sink hears nothing more.
 */
export interface Link {
  /** The transport's name, for people and for `explain()`. */
  readonly name: string
  /** Whether what goes alone costs an exchange of its own, as it does over HTTP: acks that go alone are rarer then. */
  readonly exchanges?: boolean | undefined
  send(batch: Batch): void
  /** Ends the link and tells the other end why, as far as the wire allows. Called again, it does nothing. */
  close(closing: Closing): void
  /** Ends it at once without a word. Given where a word may have to wait for a connection that this link itself holds. */
  abandon?: (() => void) | undefined
  /**
   * Set by `close` where the wire can tell: whether the other end has heard what was sent before and the last word. Resolves
   * `false` when that is certain not to happen. Undefined where nobody can tell.
   */
  readonly told?: PromiseLike<boolean> | undefined
  /** Whether the other end has shown that it hears this link. Undefined where an open wire shows it. */
  readonly reached?: boolean | undefined
  /** Whether it was closed because the other end was waited for, and never showed that. */
  readonly wasGivenUp?: boolean | undefined
  /** Bytes taken by `send` and not yet handed to the network. */
  readonly bufferedBytes: number
  /** Bytes that it keeps beside these, on a hub: answers that may be asked for again, and what has come and is not whole. */
  readonly keptBytes?: number | undefined
  /**
   * How many times the other end has asked for more and has not been answered. A session keeps its data while that is 0, and
   * is told of more by `writable`. Undefined where nobody asks.
   */
  readonly asked?: number | undefined
}

/**
 * What a link speaks to. It exists before the link does, so no first batch is ever lost.
 * A link never calls its sink from inside a call made to the link or to its dialer.
 */
export interface LinkSink {
  batch(batch: Batch): void
  /** The link ended and it was not this side's `close`. At most once; nothing follows. */
  closed(closing: Closing): void
  /** `bufferedBytes` has fallen after it was worth waiting for, or the other end has asked for more. */
  writable(): void
  /**
   * Bytes have come down that are no batch yet: a piece of the answer to a poll, or the answer that a stream begins with.
   * A transport that can tell says so, because a slow link is not dead while they come.
   */
  moved?(): void
  /** On a hub: the other end has done what may not be done, which its owner is told. `closed` follows. */
  refused?(why: Closing): void
  /** On a hub: what comes before the welcome is larger than a hello may be. */
  overflowed?(): void
  /** On a hub: so many bytes of what has come are kept until the rest is there. */
  keeps?(bytes: number): void
  /**
   * What a transport may put into the answer to a batch it was brought, where it answers anyway: an ack, which may overtake
   * what was sent and may be lost. Undefined when there is none.
   */
  acknowledgement?(): Batch | undefined
  /** That ack, at the other end: beside what the link brings, so it says nothing of whether the link brings anything. */
  acknowledged?(batch: Batch): void
  /**
   * Whether what was brought still waits to be worked on, as it does at a hub where it was much. A transport that can brings
   * nothing more until `whenIdle` calls back: it stops reading, or answers an upload later.
   */
  readonly isBusy?: boolean
  /** Calls back once when all that was brought has been worked on, or is not worked on any more. */
  whenIdle?(run: () => void): void
  /**
   * Counts an exchange that a transport was brought for this link. Answers for how long, in milliseconds, its sender is to
   * wait before it asks again, where there were too many and this one is to be refused; else 0.
   */
  exchanged?(): number
}
