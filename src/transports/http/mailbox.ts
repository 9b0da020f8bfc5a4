import type { Alarm, Clockwork, Slot } from "../../kernel/clockwork.ts"
import { joinBatches, sizeOf } from "../../kernel/codec.ts"
import { LINK_BUFFER_BYTES, UPLOADS_AT_ONCE } from "../../kernel/defaults.ts"
import { type Closing, closing } from "../../kernel/errors.ts"
import type { Batch, HttpExchange, Link, LinkSink } from "../transport.ts"
import { respond } from "./answer.ts"
import { type Envelope, encodeBody } from "./envelope.ts"

/** Never changed. */
const NOTHING: Batch[] = []

/**
 * The hub's half of every HTTP link: batches wait here until a poll or a stream takes them. The last answer is kept until
 * the next poll shows that it arrived, because a lost answer is asked for again.
 */
export class Mailbox implements Link, Alarm {
  readonly name: string
  readonly exchanges = true
  readonly polled: boolean
  readonly id: string
  readonly hub: string
  bufferedBytes = 0
  /** Where batches and the end of the link are told; set right after construction, by `admit`. */
  sink: LinkSink | undefined
  /** Something was put in, or the link closed. */
  onMail: (() => void) | undefined
  /** Set when either side has closed the link. */
  closing: Closing | undefined
  /** Whether mail cannot tell the channel of the end: it said so itself, or is not reached any more. */
  #isLost = false
  #batches: Batch[] = NOTHING
  /** Whether the first batch, which is the welcome or a bye, has been taken. */
  #isOpened = false
  /** Number of the last upload that was heard. */
  #up = 0
  /** Uploads that came before one with a lower number, by their numbers. */
  #early: Map<number, Batch | undefined> | undefined
  /** Number of the last poll that was answered or is held. */
  #poll = 0
  /** The answer to that poll, once given. */
  #answer: { envelope: Envelope; batches: Batch[] } | undefined
  /** The poll that is being held, and until when. */
  #held: { exchange: HttpExchange; envelope: Envelope; until: number } | undefined
  /** Set once for many polls: when it rings too soon it looks again. */
  slot: Slot | undefined
  readonly #forget: () => void
  readonly #clockwork: Clockwork

  constructor(name: string, id: string, hub: string, clockwork: Clockwork, forget: () => void) {
    this.name = name
    this.polled = name !== "sse"
    this.id = id
    this.hub = hub
    this.#clockwork = clockwork
    this.#forget = forget
  }

  send(batch: Batch): void {
    if (this.closing !== undefined) return
    if (this.#batches.length > 0) this.#batches.push(batch)
    else this.#batches = [batch] // a list that has been pushed to has room for more, and most answers hold one
    this.bufferedBytes += sizeOf(batch)
    this.onMail?.()
  }

  close(why: Closing): void {
    if (this.closing !== undefined) return
    this.closing = why
    this.#early = undefined
    this.#clockwork.clear(this)
    this.#forget()
    this.onMail?.()
  }

  /** The other end closed the link, or is known to have gone. */
  lost(why: Closing): void {
    if (this.closing !== undefined) return
    this.#isLost = true
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
    if (up === this.#up + 1) {
      this.#hearNext(batch)
      while (this.#early?.has(this.#up + 1)) {
        const next = this.#early.get(this.#up + 1)
        this.#early.delete(this.#up + 1)
        this.#hearNext(next)
      }
    } else if (up > this.#up + (this.#isWelcomed ? UPLOADS_AT_ONCE : 1)) {
      this.lost(closing("protocol-error", `upload ${up} after ${this.#up}`))
    } else if (up > this.#up) {
      this.#early ??= new Map()
      if (!this.#early.has(up)) this.#early.set(up, batch)
    }
  }

  /** Answers an upload that fetches nothing, with an ack of what it brought. */
  confirm(exchange: HttpExchange, envelope: Envelope): void {
    const ack = this.closing === undefined ? this.sink?.acknowledgement?.() : undefined
    const stamp = this.stamp(envelope)
    respond(exchange, 200, stamp, encodeBody(stamp, ack === undefined ? [] : [ack]))
  }

  /** Whether there is something to bring down. */
  get hasMail(): boolean {
    return this.#batches.length > 0 || this.closing !== undefined
  }

  /** Takes what waits, as one batch; but the first batch of an open link alone. */
  take(): Batch[] {
    if (this.#batches.length === 0) return NOTHING
    const batches = this.#batches
    if (!this.#isOpened && batches.length > 1 && this.closing === undefined) return [this.takeOne() ?? ""]
    this.#isOpened = true
    this.#batches = NOTHING
    this.#took(this.bufferedBytes)
    return [joinBatches(batches)]
  }

  /** Takes the batch that has waited longest. */
  takeOne(): Batch | undefined {
    const batch = this.#batches.shift()
    if (batch === undefined) return undefined
    this.#isOpened = true
    this.#took(sizeOf(batch))
    return batch
  }

  /**
   * Answers a poll: again with the same if it was answered before, at once if there is mail, else when there is some or
   * `holdMs` have passed.
   */
  poll(exchange: HttpExchange, envelope: Envelope, holdMs: number): void {
    const { poll = 0 } = envelope
    if (poll === this.#poll && this.#answer !== undefined) return this.#respond(exchange, this.#answer)
    if (poll < this.#poll || poll > this.#poll + 1) {
      return respond(exchange, 409, { hub: this.hub, close: closing("refused", `poll ${poll} after ${this.#poll}`) })
    }
    this.release() // a repetition of the held poll: its first asker has given up
    this.#poll = poll
    this.#answer = undefined
    const until = this.#clockwork.now() + holdMs
    this.#held = { exchange, envelope, until }
    this.onMail ??= () => this.release()
    if (this.hasMail) this.release()
    else if (until < (this.slot?.at ?? Number.POSITIVE_INFINITY)) this.#clockwork.set(this, until)
  }

  ring(): void {
    if (this.#held === undefined) return
    const { until } = this.#held
    if (this.#clockwork.now() < until) this.#clockwork.set(this, until)
    else this.release()
  }

  /** Answers the held poll with what there is. */
  release(): void {
    const held = this.#held
    if (held === undefined) return
    this.#held = undefined
    this.#answer = { envelope: this.stamp(held.envelope), batches: this.take() }
    this.#respond(held.exchange, this.#answer)
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
    const hub = up === 1 || close !== undefined ? this.hub : undefined
    return { link: this.id, hub, up, poll, close }
  }

  /** The welcome, or a bye, has been sent. */
  get #isWelcomed(): boolean {
    return this.#isOpened || this.#batches.length > 0
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
    if (this.closing === undefined) this.sink?.writable()
  }

  #respond(exchange: HttpExchange, { envelope, batches }: { envelope: Envelope; batches: Batch[] }): void {
    respond(exchange, 200, envelope, encodeBody(envelope, batches))
  }
}
