import type { Batch } from "../wire/batch.ts"
import type { Closing } from "../wire/errors.ts"

/**
 * One live connection of any kind. It keeps order and may die at any moment, but never delivers a wrong batch.
 *
 * - Batches arrive in the order they were sent, each at most once. When one is lost, everything after it is lost too and
 *   the link closes.
 * - `send` never throws and never blocks. The link buffers batches that are sent before its connection is open, and drops
 *   batches that are sent after its end.
 * - After this side called `close`, the link calls its sink no more.
 */
export interface Link {
  /** The transport's name, for logs and for `explain()`. */
  readonly name: string
  /**
   * Whether each batch may cost one HTTP exchange. Then the session sends fewer acks that would go alone. Default
   * false.
   */
  readonly exchanges?: boolean | undefined
  send(batch: Batch): void
  /** Ends the link and tells the other end why, if the transport can. A second call does nothing. */
  close(closing: Closing): void
  /**
   * Ends the link at once and sends nothing. Present on a link whose last message might have to wait for a connection
   * that the link itself occupies.
   */
  abandon?: (() => void) | undefined
  /**
   * Set by `close` if the transport can tell whether the other end has received all batches and the closing. Resolves
   * `true` if it has, and `false` when it certainly never will. Undefined if the transport cannot tell.
   */
  readonly told?: PromiseLike<boolean> | undefined
  /**
   * Whether the other end has shown that it receives what this link sends. Undefined if an open connection proves it.
   */
  readonly reached?: boolean | undefined
  /** Whether the link was closed after a wait in which the other end never showed that (see `reached`). */
  readonly wasGivenUp?: boolean | undefined
  /** Bytes that were passed to `send` and not yet to the network. */
  readonly bufferedBytes: number
  /**
   * On a hub: further bytes that the link keeps, for answers that the client may request again and for incomplete
   * messages.
   */
  readonly keptBytes?: number | undefined
  /**
   * How many requests of the other end for data are open, such as polls. While this is 0 the session sends no data; a
   * new request calls `writable`. Undefined on a link that can send at any time.
   */
  readonly asked?: number | undefined
}

/**
 * Receives the batches and the end of a link. It is made before the link, so the first batch cannot be lost.
 * A link never calls its sink from inside a call made to the link or to its dialer.
 */
export interface LinkSink {
  batch(batch: Batch): void
  /** The link has ended, and not by this side's `close`. Called at most once, as the last call. */
  closed(closing: Closing): void
  /** The link can send more: `bufferedBytes` has fallen after it was high, or the other end has requested data. */
  writable(): void
  /**
   * Bytes have arrived that are not a whole batch yet: a piece of the answer to a poll, or the answer that opens a
   * stream. A transport calls this if it can, because a slow link is alive while bytes arrive.
   */
  moved?(): void
  /** On a hub: the other end broke a rule, and `hub.onRefused` is to report it. `closed` follows. */
  refused?(why: Closing): void
  /** On a hub: the bytes before the welcome are more than a hello may have. */
  overflowed?(): void
  /** On a hub: the link keeps `bytes` more bytes that have arrived, until the rest of them is here. */
  keeps?(bytes: number): void
  /**
   * Returns an ack that an HTTP transport may put into its answer to an upload, which it sends anyway. This ack may
   * overtake batches that were sent before, and may be lost. Undefined if no ack is due.
   */
  acknowledgement?(): Batch | undefined
  /**
   * The client received such an ack. It came outside the order of the link's batches, so it does not prove that the
   * link still delivers batches.
   */
  acknowledged?(batch: Batch): void
  /**
   * Whether batches from this link still wait in the hub's backlog. A transport that can then delivers nothing more
   * until `whenIdle` calls back: it stops reading its socket, or answers an upload later.
   */
  readonly isBusy?: boolean
  /** Calls `run` once when all batches from this link have been processed or dropped. */
  whenIdle?(run: () => void): void
  /**
   * How long packets may take from the session to this link, because the session is at another process, in milliseconds.
   * Undefined: they come within the tick.
   */
  readonly awayMs?: number | undefined
  /**
   * Counts one HTTP exchange of this link. Returns 0 if it is within the limit. Otherwise the transport has to refuse
   * the exchange, and the result is how long the client must wait before it tries again, in milliseconds.
   */
  exchanged?(): number
}
