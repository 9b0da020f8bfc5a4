import type { Clockwork, Flushable } from "../../../session/clockwork.ts"
import { EXCHANGES_AT_ONCE } from "../../../wire/defaults.ts"
import { type Closing, closing } from "../../../wire/errors.ts"
import type { Batch, HttpExchange } from "../../transport.ts"
import type { Envelope } from "../envelope.ts"
import { respond } from "./answer.ts"

/** How long the hub waits for another poll after a client has abandoned one, before it counts the link as lost. */
const LEFT_POLL_MS = 5_000

/** A poll without an answer, and until when it may be held. */
interface Held {
  readonly exchange: HttpExchange
  readonly envelope: Envelope
  readonly until: number
  /** Whether `onAbort` was set. It is set only when the poll is held, because most polls are answered at once. */
  isWatched: boolean
}

interface Answer {
  readonly envelope: Envelope
  readonly batch: Batch | undefined
}

/** The mailbox that the polls take batches from. */
export interface PolledMail {
  readonly hub: string
  readonly clockwork: Clockwork
  /** Why the link is closed; undefined if it is open. */
  readonly closing: Closing | undefined
  readonly hasMail: boolean
  take(): Batch | undefined
  stamp(envelope: Envelope): Envelope
  respond(exchange: HttpExchange, envelope: Envelope, batch: Batch | undefined): void
  /** The hub may send more, because a poll has taken batches or can take them. */
  tellRoom(): void
  /** The channel has sent another request. */
  met(): void
  /** The first poll was answered, so the channel must send another request soon. */
  expect(): void
  /** The channel must send another request within this many milliseconds. */
  expectIn(ms: number): void
  lost(why: Closing): void
  /** Calls `answer` at this time or before. */
  wakeAt(at: number): void
}

/**
 * The polls of one link. They are answered in the order of their numbers. An answer is kept until a later poll shows
 * that it has arrived, because the channel repeats a poll whose answer was lost.
 */
export class Polls implements Flushable {
  readonly #mail: PolledMail
  /** Number of the last poll that was answered. */
  #last = 0
  /**
   * Answers that a repeated poll may ask for, and polls without an answer. The index of each is its number modulo
   * `EXCHANGES_AT_ONCE`. The first answer is not kept, because a first poll is not repeated; so neither array exists
   * before it is needed.
   */
  #answers: (Answer | undefined)[] | undefined
  #held: (Held | undefined)[] | undefined
  /** Number of polls in `#held`. */
  heldCount = 0

  constructor(mail: PolledMail) {
    this.#mail = mail
  }

  /** Batches of the answers that are kept. */
  *answered(): Generator<Batch> {
    for (const answer of this.#answers ?? []) if (answer?.batch !== undefined) yield answer.batch
  }

  /** No poll will be repeated. */
  forgetAnswers(): void {
    this.#answers = undefined
  }

  /**
   * Answers a poll. A poll that was answered before gets the same answer. Any other is answered in its turn: at the end
   * of the tick if there is a batch, when `holdMs` have passed, or when the next poll has come.
   */
  poll(exchange: HttpExchange, envelope: Envelope, holdMs: number): void {
    const mail = this.#mail
    const { poll = 0 } = envelope
    const place = poll % EXCHANGES_AT_ONCE
    const answer = this.#answers?.[place]
    if (poll > 1) mail.met()
    if (answer?.envelope.poll === poll) return mail.respond(exchange, answer.envelope, answer.batch)
    if (poll <= this.#last || poll > this.#last + EXCHANGES_AT_ONCE) {
      return respond(exchange, 409, { hub: mail.hub, close: closing("refused", `poll ${poll} after ${this.#last}`) })
    }
    this.#held ??= places<Held>()
    const before = this.#held[place]
    if (before === undefined) this.heldCount++
    // A repeated poll: the channel has given up the request before.
    else mail.respond(before.exchange, mail.stamp(envelope), undefined)
    this.#held[place] = { exchange, envelope, until: mail.clockwork.now() + holdMs, isWatched: false }
    this.answerSoon()
    mail.tellRoom()
  }

  /** Answers the polls whose turn it is, at the end of the tick. */
  answerSoon(): void {
    this.#mail.clockwork.flushSoon(this)
  }

  flushNow(): void {
    this.answer(Number.NEGATIVE_INFINITY)
  }

  /** Answers polls in order, as long as there is a reason to. A hold is over if it ended before `now`. */
  answer(now: number): void {
    const mail = this.#mail
    for (;;) {
      const place = (this.#last + 1) % EXCHANGES_AT_ONCE
      const next = this.#held?.[place]
      if (this.#held === undefined || this.heldCount === 0) return
      if (next === undefined) {
        if (mail.closing !== undefined) this.#dismiss(this.#held)
        return
      }
      const isLast = this.heldCount === 1
      if (!mail.hasMail && isLast && now < next.until) {
        if (!next.isWatched) this.#watch(place, next)
        return mail.wakeAt(next.until)
      }
      this.#held[place] = undefined
      this.heldCount--
      this.#last++
      const answer = { envelope: mail.stamp(next.envelope), batch: mail.take() }
      if (this.#last > 1) {
        this.#answers ??= places<Answer>()
        this.#answers[place] = answer
      } else if (isLast) this.#held = undefined // a first poll is not repeated, and may be the only one of the link
      mail.respond(next.exchange, answer.envelope, answer.batch)
      if (this.#last === 1) mail.expect()
      if (!isLast) mail.tellRoom()
    }
  }

  /** Notes when the channel aborts this poll. Not inside the loop, where the closure would cost a scope each time. */
  #watch(place: number, held: Held): void {
    held.isWatched = true
    held.exchange.onAbort(() => this.#left(place, held))
  }

  /**
   * The link is closed: answers polls that came too early with the closing. Waiting batches are for the missing poll.
   */
  #dismiss(held: (Held | undefined)[]): void {
    for (const [place, early] of held.entries()) {
      held[place] = undefined
      if (early !== undefined) this.#mail.respond(early.exchange, this.#mail.stamp(early.envelope), undefined)
    }
    this.heldCount = 0
  }

  /**
   * The channel has aborted a poll. The first poll is not repeated, so its link is useless then. A later poll is
   * repeated soon, if it broke because the channel's network has changed.
   */
  #left(place: number, left: Held): void {
    const { poll = 0 } = left.envelope
    const held = this.#held?.[place]
    if (this.#mail.closing !== undefined || (held !== undefined && held !== left) || this.#isAskedAfter(poll)) return
    if (poll === 1) this.#mail.lost(closing("network", "the dial was left"))
    else this.#mail.expectIn(LEFT_POLL_MS)
  }

  #isAskedAfter(poll: number): boolean {
    return this.#last > poll || this.#held?.some((other) => (other?.envelope.poll ?? 0) > poll) === true
  }
}

/** An array literal of the right length. An array that grows would reserve space for many more. */
function places<Kind>(): (Kind | undefined)[] {
  return [undefined, undefined, undefined]
}
