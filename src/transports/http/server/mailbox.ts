import type { Alarm, Clockwork, Flushable, Slot } from "../../../session/clockwork.ts"
import { decodeBatch, isWide, joinBatches } from "../../../wire/batch.ts"
import {
  EXCHANGES_AT_ONCE,
  LEFT_POLL_MS,
  LINK_BUFFER_BYTES,
  PACKET_OVERHEAD_BYTES,
  UNREACHED_MS,
} from "../../../wire/defaults.ts"
import { type Closing, closing, EverwireError, protocolError } from "../../../wire/errors.ts"
import { ACK } from "../../../wire/kinds.ts"
import { kindOf } from "../../../wire/packet.ts"
import type { Batch, HttpExchange, HttpStream, Link, LinkSink } from "../../transport.ts"
import { type Envelope, encodeBody } from "../envelope.ts"
import { respond } from "./answer.ts"

/** Never changed. */
const NOTHING: Batch[] = []
const NEVER = Infinity

/** A smaller answer is in the network's hands as soon as it is given. */
const LARGE_BYTES = 16_384
/** Large bodies of one link that are read at once: those of a channel, and as many that it has given up and sends again. */
const BODIES_AT_ONCE = 2 * EXCHANGES_AT_ONCE

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

/** What a link has of bodies and answers that are large, while it has any. */
interface Large {
  /** Bodies that are being read, and what they are going to hold together. */
  bodies: number
  bytes: number
  /** Exchanges whose answers have not been taken by the network. */
  unread: HttpExchange[]
}

/** What all mailboxes of an acceptor have in common. */
export interface MailboxHost {
  /** The transport's name. */
  readonly name: string
  readonly hub: string
  readonly clockwork: Clockwork
  /** The link has ended. */
  forget(mailbox: Mailbox): void
}

/**
 * The hub's half of every HTTP link: batches wait here until a poll or a stream takes them. An answer is kept until a later
 * poll shows that it arrived, because a lost one is asked for again.
 */
export class Mailbox implements Link, Alarm, Flushable {
  readonly id: string
  bufferedBytes = 0
  /** Where batches and the end of the link are told; set right after construction, by `admit`. */
  sink: LinkSink | undefined
  /** What takes the mail, on a link that has a stream. */
  stream: HttpStream | undefined
  /** Something was put in, or the link closed: for a stream. */
  onMail: (() => void) | undefined
  /** What opens the stream of a link that has none yet. */
  ticket: string | undefined
  /** Set when either side has closed the link. */
  closing: Closing | undefined
  /** Whether mail cannot tell the channel of the end: it said so itself, or is not reached any more. */
  #isLost = false
  /** The mail. Mostly it is one batch, which needs no list. */
  #mail: Batch | Batch[] | undefined
  /** Whether the channel has come again since its hello was answered, so that the answer has arrived. */
  reached = false
  /** Whether it was waited for in vain after that. */
  wasGivenUp = false
  /** When the link counts as lost unless the channel comes again. */
  #lostAt = NEVER
  /** Whether the first batch, which is the welcome or a bye, has been taken. */
  #isOpened = false
  /** Number of the last upload that was heard. */
  #up = 0
  /** Uploads that came before one with a lower number, by their numbers. */
  #early: Map<number, Batch | undefined> | undefined
  /** Number of the last poll that was answered. */
  #poll = 0
  /**
   * Answers that a repeated poll may ask for, and polls without one, each in the place of its number's rest by
   * `EXCHANGES_AT_ONCE`. A link whose channel has not come again has no answers, and one that holds no poll has none of these.
   */
  #answers: (Answer | undefined)[] | undefined
  #held: (Held | undefined)[] | undefined
  #heldCount = 0
  #large: Large | undefined
  /** Set once for many polls: when it rings too soon it looks again. */
  slot: Slot | undefined
  readonly #host: MailboxHost

  constructor(host: MailboxHost, id: string) {
    this.#host = host
    this.id = id
  }

  get name(): string {
    return this.#host.name
  }

  get exchanges(): boolean {
    return true
  }

  get #clockwork(): Clockwork {
    return this.#host.clockwork
  }

  send(batch: Batch): void {
    if (this.closing !== undefined) return
    const mail = this.#mail
    if (Array.isArray(mail)) mail.push(batch)
    else this.#mail = mail === undefined ? batch : [mail, batch]
    this.bufferedBytes += costOf(batch)
    this.#hasNews()
  }

  close(why: Closing): void {
    if (this.closing !== undefined) return
    this.closing = why
    this.#early = undefined
    this.#clockwork.clear(this)
    this.#host.forget(this)
    this.#hasNews()
  }

  /** What is kept beside the mail: bodies, uploads before their turn, and answers until they are known to have arrived. */
  get keptBytes(): number {
    let bytes = (this.#large?.bytes ?? 0) + (this.stream?.bufferedBytes ?? 0)
    for (const { unsentBytes = 0 } of this.#large?.unread ?? []) bytes += unsentBytes
    for (const early of this.#early?.values() ?? NOTHING) bytes += early === undefined ? 0 : costOf(early)
    for (const answer of this.#answers ?? []) bytes += answer?.batch === undefined ? 0 : costOf(answer.batch)
    return bytes
  }

  /** Lets go of everything, and of whom takes the mail. */
  abandon(): void {
    this.#mail = undefined
    this.bufferedBytes = 0
    this.#answers?.fill(undefined)
    this.#early = undefined
    this.stream?.cut?.()
    for (const exchange of this.#large?.unread ?? []) exchange.cut?.()
  }

  /**
   * A large body for this link is going to be read, of so many bytes. `endBody` tells of its end.
   *
   * @throws EverwireError `over-capacity` when there are more than a channel sends
   */
  beginBody(bytes: number): void {
    this.#large ??= { bodies: 0, bytes: 0, unread: [] }
    const large = this.#large
    if (large.bodies >= BODIES_AT_ONCE) throw new EverwireError("over-capacity", "too many bodies are sent at once")
    large.bodies++
    large.bytes += bytes
    this.sink?.keeps?.(bytes)
  }

  endBody(bytes: number): void {
    if (this.#large === undefined) return
    this.#large.bodies--
    this.#large.bytes -= bytes
  }

  /** The other end closed the link, or is known to have gone. */
  lost(why: Closing): void {
    if (this.closing !== undefined) return
    this.#isLost = true
    // What it has not taken is brought by the session's next link.
    this.#mail = undefined
    this.bufferedBytes = 0
    this.#answers?.splice(0)
    this.close(why)
    this.sink?.closed(why)
  }

  /**
   * Hears an upload. One that was heard before is a repetition. Of those that a channel has in flight at once, one that
   * comes before its turn is kept until then; one beyond them breaks the order. Nobody has two in flight before the welcome,
   * so a stranger cannot have any kept.
   */
  hear(up: number, batch: Batch | undefined): void {
    if (this.closing !== undefined) return
    if (up > 1) this.met()
    if (up === this.#up + 1) {
      this.#hearNext(batch)
      while (this.#early?.has(this.#up + 1)) {
        const next = this.#early.get(this.#up + 1)
        this.#early.delete(this.#up + 1)
        this.#hearNext(next)
      }
    } else if (up > this.#up + (this.isWelcomed ? EXCHANGES_AT_ONCE : 1)) {
      const why = closing("protocol-error", `upload ${up} after ${this.#up}`)
      this.sink?.refused?.(why)
      this.lost(why)
    } else if (up > this.#up) {
      this.#early ??= new Map()
      if (this.#early.has(up)) return
      this.#early.set(up, batch)
      if (batch !== undefined) this.sink?.keeps?.(costOf(batch))
    }
  }

  /** Answers an upload that fetches nothing, with an ack of what it brought. */
  confirm(exchange: HttpExchange, envelope: Envelope): void {
    const ack = this.closing === undefined ? this.sink?.acknowledgement?.() : undefined
    const stamp = this.stamp(envelope)
    respond(exchange, 200, stamp, encodeBody(stamp, ack === undefined ? [] : [ack]))
  }

  /** How many polls are held. None while the welcome waits, which goes alone; a stream does not ask. */
  get asked(): number | undefined {
    if (!this.#isPolled) return undefined
    return !this.#isOpened && this.#mail !== undefined ? 0 : this.#heldCount
  }

  /** Whether there is something to bring down. */
  get hasMail(): boolean {
    return this.#mail !== undefined || this.closing !== undefined
  }

  /** Takes what waits, as one batch; but the first batch of an open link alone. */
  take(): Batch | undefined {
    const mail = this.#mail
    if (mail === undefined || (!this.#isOpened && this.closing === undefined)) return this.takeOne()
    this.#isOpened = true
    this.#mail = undefined
    this.#took(this.bufferedBytes)
    return Array.isArray(mail) ? joinBatches(mail) : mail
  }

  /** Takes the batch that has waited longest. */
  takeOne(): Batch | undefined {
    const mail = this.#mail
    const batch = Array.isArray(mail) ? mail.shift() : mail
    if (batch === undefined) return undefined
    if (!Array.isArray(mail) || mail.length === 0) this.#mail = undefined
    this.#isOpened = true
    this.#took(costOf(batch))
    return batch
  }

  /**
   * Hears what a poll brought beside the uploads.
   *
   * @throws EverwireError `protocol-error` unless it is acks, which may come twice and in any order.
   */
  hearBeside(batch: Batch): void {
    if (decodeBatch(batch).some((packet) => kindOf(packet) !== ACK))
      throw protocolError("a poll that brings more than acks")
    if (this.closing === undefined) this.sink?.batch(batch)
  }

  /**
   * Answers a poll: again with the same if it was answered before, else in its turn: at the end of the tick in which there is
   * mail, or when `holdMs` have passed, or when the next poll is there.
   */
  poll(exchange: HttpExchange, envelope: Envelope, holdMs: number): void {
    const { poll = 0 } = envelope
    if (!this.#isPolled) return
    const place = poll % EXCHANGES_AT_ONCE
    const answer = this.#answers?.[place]
    if (poll > 1) this.met()
    if (answer?.envelope.poll === poll) return this.#respond(exchange, answer)
    if (poll <= this.#poll || poll > this.#poll + EXCHANGES_AT_ONCE) {
      return respond(exchange, 409, {
        hub: this.#host.hub,
        close: closing("refused", `poll ${poll} after ${this.#poll}`),
      })
    }
    this.#held ??= places<Held>()
    const before = this.#held[place]
    if (before === undefined) this.#heldCount++
    // Repeated: whoever asked first has given up.
    else this.#respond(before.exchange, { envelope: this.stamp(envelope), batch: undefined })
    this.#held[place] = { exchange, envelope, until: this.#clockwork.now() + holdMs, isWatched: false }
    this.#clockwork.flushSoon(this)
    this.#writable()
  }

  /** Something was put in, or the link closed: told to the stream, or to the polls at the end of the tick. */
  #hasNews(): void {
    if (this.#heldCount > 0) this.#clockwork.flushSoon(this)
    else this.onMail?.()
  }

  flushNow(): void {
    this.#answer(Number.NEGATIVE_INFINITY)
  }

  ring(): void {
    const now = this.#clockwork.now()
    if (now >= this.#lostAt) {
      this.wasGivenUp = !this.reached
      return this.lost(closing("network", "the channel did not come again"))
    }
    this.#answer(now)
    this.#arm(this.#lostAt)
  }

  /** The hello has been answered: a channel that does not come soon has left, or will dial again. */
  expect(): void {
    if (!this.reached) this.#expectIn(UNREACHED_MS)
  }

  /** The channel has come again. */
  met(): void {
    this.reached = true
    this.#lostAt = NEVER
  }

  /** Answers the polls whose turn it is, as far as there is a reason to. `now` is at least when the hold of one is over. */
  #answer(now: number): void {
    for (;;) {
      const place = (this.#poll + 1) % EXCHANGES_AT_ONCE
      const next = this.#held?.[place]
      if (this.#held === undefined || this.#heldCount === 0) return
      if (next === undefined) {
        if (this.closing !== undefined) this.#dismiss(this.#held)
        return
      }
      const isLast = this.#heldCount === 1
      if (!this.hasMail && isLast && now < next.until) {
        if (!next.isWatched) {
          next.isWatched = true
          next.exchange.onAbort(() => this.#left(place, next))
        }
        return this.#arm(next.until)
      }
      this.#held[place] = undefined
      this.#heldCount--
      this.#poll++
      const answer = { envelope: this.stamp(next.envelope), batch: this.take() }
      if (this.#poll > 1) {
        this.#answers ??= places<Answer>()
        this.#answers[place] = answer
      } else if (isLast) this.#held = undefined // a first poll is not repeated, and may be all that ever comes
      this.#respond(next.exchange, answer)
      if (this.#poll === 1) this.expect()
      if (!isLast) this.#writable()
    }
  }

  /** Lets polls go that came before their turn and need not wait for it. What is left to say is for the one that is missing. */
  #dismiss(held: (Held | undefined)[]): void {
    for (const [place, early] of held.entries()) {
      held[place] = undefined
      if (early !== undefined) this.#respond(early.exchange, { envelope: this.stamp(early.envelope), batch: undefined })
    }
    this.#heldCount = 0
  }

  /**
   * What every answer says: whose it is, and to which request. The end of the link is the last of the mail: told beside
   * it, in the answer to an upload, it would overtake what was sent before.
   */
  stamp({ up, poll }: Envelope): Envelope {
    // But what was wrong with an upload is told at once: whoever sent it has nothing more to hear.
    const isRefused = this.closing?.code === "protocol-error" || this.closing?.code === "too-large"
    const isMail = poll !== undefined || this.#isLost || isRefused
    const close = isMail ? this.closing : undefined
    // The channel keeps the hub's id from the first answer.
    const hub = up === 1 || close !== undefined ? this.#host.hub : undefined
    return { link: this.id, hub, up, poll, close }
  }

  /**
   * The channel has left a poll. A first one is not repeated, so its link is of no use. A later one is repeated soon if it
   * broke because the channel is on another network now.
   */
  #left(place: number, left: Held): void {
    const { poll = 0 } = left.envelope
    const held = this.#held?.[place]
    if (this.closing !== undefined || (held !== undefined && held !== left) || this.#isAskedAfter(poll)) return
    if (poll === 1) this.lost(closing("network", "the dial was left"))
    else this.#expectIn(LEFT_POLL_MS)
  }

  #isAskedAfter(poll: number): boolean {
    return this.#poll > poll || this.#held?.some((other) => (other?.envelope.poll ?? 0) > poll) === true
  }

  #expectIn(ms: number): void {
    this.#lostAt = this.#clockwork.now() + ms
    this.#arm(this.#lostAt)
  }

  /** Sets the alarm, unless it rings earlier anyway and will look again. */
  #arm(at: number): void {
    if (this.closing === undefined && at < (this.slot?.at ?? NEVER)) this.#clockwork.set(this, at)
  }

  /** Whether its channel polls: a stream has no polls. */
  get #isPolled(): boolean {
    return this.name !== "sse"
  }

  /** The welcome, or a bye, has been sent. */
  get isWelcomed(): boolean {
    return this.#isOpened || this.#mail !== undefined
  }

  #hearNext(batch: Batch | undefined): void {
    this.#up++
    if (batch !== undefined) this.sink?.batch(batch)
  }

  /** So many bytes wait no more. */
  #took(bytes: number): void {
    const wasFull = this.bufferedBytes >= LINK_BUFFER_BYTES
    this.bufferedBytes -= bytes
    if (wasFull && this.bufferedBytes < LINK_BUFFER_BYTES) this.#clockwork.runtime.soon(() => this.#writable())
  }

  /** Told when whoever takes has put down what it took: what is sent from inside must come after it. */
  #writable(): void {
    if (this.closing === undefined && this.bufferedBytes < LINK_BUFFER_BYTES) this.sink?.writable()
  }

  #respond(exchange: HttpExchange, { envelope, batch }: Answer): void {
    const body = encodeBody(envelope, batch === undefined ? NOTHING : [batch])
    respond(exchange, 200, envelope, body)
    if (body.length < LARGE_BYTES || exchange.unsentBytes === undefined) return
    this.#large ??= { bodies: 0, bytes: 0, unread: [] }
    this.#large.unread = this.#large.unread.filter(({ unsentBytes }) => unsentBytes)
    this.#large.unread.push(exchange)
    // The answer itself may be asked for again, and the session's own copy may be acknowledged while nobody reads this one.
    this.sink?.keeps?.(body.length + exchange.unsentBytes)
  }
}

/** Of this length at once: an array that grows has room for many more. */
function places<Kind>(): (Kind | undefined)[] {
  return [undefined, undefined, undefined]
}

/** What a batch costs that waits here. A short one is mostly its overhead, whatever its characters are. */
function costOf(batch: Batch): number {
  const { length } = batch
  return PACKET_OVERHEAD_BYTES + (length > PACKET_OVERHEAD_BYTES && isWide(batch) ? 2 * length : length)
}
