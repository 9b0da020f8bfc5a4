import type { Clockwork, Flushable } from "../../../session/clockwork.ts"
import { EXCHANGES_AT_ONCE, LEFT_POLL_MS } from "../../../wire/defaults.ts"
import { type Closing, closing } from "../../../wire/errors.ts"
import type { Batch, HttpExchange } from "../../transport.ts"
import type { Envelope } from "../envelope.ts"
import { respond } from "./answer.ts"

/** A poll that has not been answered, and until when it may be held. */
interface Held {
  readonly exchange: HttpExchange
  readonly envelope: Envelope
  readonly until: number
  /** Whether it is told when the channel leaves it: not before it turns out that it has to be held. */
  isWatched: boolean
}

interface Answer {
  readonly envelope: Envelope
  readonly batch: Batch | undefined
}

/** The mail that the polls fetch. */
export interface PolledMail {
  readonly hub: string
  readonly clockwork: Clockwork
  /** Why the link is closed, if it is. */
  readonly closing: Closing | undefined
  readonly hasMail: boolean
  take(): Batch | undefined
  stamp(envelope: Envelope): Envelope
  respond(exchange: HttpExchange, envelope: Envelope, batch: Batch | undefined): void
  /** There is room for more, because a poll is there to fetch it. */
  tellRoom(): void
  /** The channel has come again. */
  met(): void
  /** The first poll is answered: the channel is to come again. */
  expect(): void
  /** The channel is to come again within so long. */
  expectIn(ms: number): void
  lost(why: Closing): void
  /** Has `answer` called at this moment or before. */
  wakeAt(at: number): void
}

/**
 * The polls of one link: each is answered in its turn, and its answer is kept until a later poll shows that it arrived,
 * because a lost one is asked for again.
 */
export class Polls implements Flushable {
  readonly #mail: PolledMail
  /** Number of the last poll that was answered. */
  #last = 0
  /**
   * Answers that a repeated poll may ask for, and polls without one, each in the place of its number's rest by
   * `EXCHANGES_AT_ONCE`. A link whose channel has not come again has no answers, and one that holds no poll has none of these.
   */
  #answers: (Answer | undefined)[] | undefined
  #held: (Held | undefined)[] | undefined
  /** How many are held. */
  heldCount = 0

  constructor(mail: PolledMail) {
    this.#mail = mail
  }

  /** Batches of answers that may be asked for again. */
  *answered(): Generator<Batch> {
    for (const answer of this.#answers ?? []) if (answer?.batch !== undefined) yield answer.batch
  }

  /** Nobody asks for an answer again. */
  forgetAnswers(): void {
    this.#answers = undefined
  }

  /**
   * Answers a poll: again with the same if it was answered before, else in its turn: at the end of the tick in which there is
   * mail, or when `holdMs` have passed, or when the next poll is there.
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
    // Repeated: whoever asked first has given up.
    else mail.respond(before.exchange, mail.stamp(envelope), undefined)
    this.#held[place] = { exchange, envelope, until: mail.clockwork.now() + holdMs, isWatched: false }
    this.answerSoon()
    mail.tellRoom()
  }

  /** Answers those whose turn it is, at the end of the tick. */
  answerSoon(): void {
    this.#mail.clockwork.flushSoon(this)
  }

  flushNow(): void {
    this.answer(Number.NEGATIVE_INFINITY)
  }

  /** Answers the polls whose turn it is, as far as there is a reason to. `now` is at least when the hold of one is over. */
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
      } else if (isLast) this.#held = undefined // a first poll is not repeated, and may be all that ever comes
      mail.respond(next.exchange, answer.envelope, answer.batch)
      if (this.#last === 1) mail.expect()
      if (!isLast) mail.tellRoom()
    }
  }

  /** Has it told when the channel leaves this poll. Apart from the loop, which would make a scope for the closure each time. */
  #watch(place: number, held: Held): void {
    held.isWatched = true
    held.exchange.onAbort(() => this.#left(place, held))
  }

  /** Lets polls go that came before their turn and need not wait for it. What is left to say is for the one that is missing. */
  #dismiss(held: (Held | undefined)[]): void {
    for (const [place, early] of held.entries()) {
      held[place] = undefined
      if (early !== undefined) this.#mail.respond(early.exchange, this.#mail.stamp(early.envelope), undefined)
    }
    this.heldCount = 0
  }

  /**
   * The channel has left a poll. A first one is not repeated, so its link is of no use. A later one is repeated soon if it
   * broke because the channel is on another network now.
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

/** Of this length at once: an array that grows has room for many more. */
function places<Kind>(): (Kind | undefined)[] {
  return [undefined, undefined, undefined]
}
