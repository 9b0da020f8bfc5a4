import type { Batch } from "../kernel/codec.ts"
import type { Closing } from "../kernel/errors.ts"
import type { Welcome } from "../kernel/handshake.ts"
import type { Link, LinkSink } from "../kernel/link.ts"
import type { Dialer } from "../transports/transport.ts"

/** What an attempt tells the connector. */
export interface AttemptHost {
  batch(attempt: Attempt, batch: Batch): void
  /** An ack came beside what the link brings. */
  acknowledged(attempt: Attempt, batch: Batch): void
  closed(attempt: Attempt, closing: Closing): void
  writable(attempt: Attempt): void
  /** Something came that is no batch yet. */
  moved(attempt: Attempt): void
}

/** Stands in for the link until the dial has returned one. */
const UNDIALED: Link = { name: "", bufferedBytes: 0, send() {}, close() {} }

/** One dial of one rung, from the hello to the end of its link. */
export class Attempt implements LinkSink {
  readonly dialer: Dialer
  /** Place in the ladder that the user gave: 0 is preferred. */
  readonly rank: number
  readonly startedAt: number
  /** When anything last showed that it is being answered. */
  movedAt: number
  link = UNDIALED
  /** The turn that its hello or its last take carried; 0 while it only probes. */
  turn = 0
  /** Number of the last packet that rode with the hello. */
  sent = 0
  /** The hub's answer to the hello. */
  welcome: Welcome | undefined
  /** When it came. */
  welcomedAt = 0
  /** When something last came after the welcome; undefined while nothing has. */
  heardAt: number | undefined
  /** Until when a rung that is known to flap must live before it is trusted with the session; 0 where it need not. */
  trialUntil = 0
  /** Whether more than one batch came down, where a proxy may hold a stream back after the first. */
  proved: boolean
  /** Whether this is the session's link and has not answered in time. */
  doubted = false
  /** Whether its link has ended or was let go. */
  over = false
  /** Stops the wait after which it is given up. */
  cancelYield = (): void => {}
  readonly #host: AttemptHost

  constructor(host: AttemptHost, dialer: Dialer, rank: number, startedAt: number) {
    this.#host = host
    this.dialer = dialer
    this.rank = rank
    this.startedAt = startedAt
    this.movedAt = startedAt
    this.proved = !dialer.streamed
  }

  /** Ends its link, without a word if that may not wait. */
  stop(why: Closing, mute: boolean): void {
    const { link, dialer } = this
    if (mute && dialer.holds && link.abandon) link.abandon()
    else link.close(why)
  }

  end(): void {
    this.over = true
    this.cancelYield()
  }

  batch(batch: Batch): void {
    if (!this.over) this.#host.batch(this, batch)
  }
  acknowledged(batch: Batch): void {
    if (!this.over) this.#host.acknowledged(this, batch)
  }
  closed(closing: Closing): void {
    if (!this.over) this.#host.closed(this, closing)
  }
  writable(): void {
    this.#host.writable(this)
  }
  moved(): void {
    this.#host.moved(this)
  }
}
