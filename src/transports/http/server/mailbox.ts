import type { Alarm, Clockwork, Slot } from "../../../session/clockwork.ts"
import { decodeBatch, isWide, joinBatches } from "../../../wire/batch.ts"
import { LINK_BUFFER_BYTES, PACKET_OVERHEAD_BYTES, UNREACHED_MS } from "../../../wire/defaults.ts"
import { type Closing, closing, protocolError } from "../../../wire/errors.ts"
import { ACK } from "../../../wire/kinds.ts"
import { kindOf } from "../../../wire/packet.ts"
import type { Batch, HttpExchange, HttpStream, Link, LinkSink } from "../../transport.ts"
import { type Envelope, encodeBody } from "../envelope.ts"
import { respond } from "./answer.ts"
import { LARGE_BYTES, LargeBodies } from "./large-bodies.ts"
import { type PolledMail, Polls } from "./polls.ts"
import { type UploadHearer, Uploads } from "./uploads.ts"

const NEVER = Infinity

/** What all mailboxes of an acceptor share. */
export interface MailboxHost {
  /** The transport's name. */
  readonly name: string
  readonly hub: string
  readonly clockwork: Clockwork
  /** The link has closed. */
  forget(mailbox: Mailbox): void
}

/** The hub's half of every HTTP link. Batches wait in it until a poll or a stream takes them. */
export class Mailbox implements Link, Alarm, PolledMail, UploadHearer {
  readonly id: string
  bufferedBytes = 0
  /** Gets batches and the end of the link. `admit` sets it right after construction. */
  sink: LinkSink | undefined
  /** The stream that takes the batches, if the link has one. */
  stream: HttpStream | undefined
  /** Called when a batch was added or the link closed, if the link has a stream. */
  onMail: (() => void) | undefined
  /** The ticket that opens the stream of a link that has none yet. */
  ticket: string | undefined
  /** Set when either side has closed the link. */
  closing: Closing | undefined
  /** Whether the channel cannot be told the closing by a poll: it closed the link itself, or cannot be reached. */
  #isLost = false
  /** The batches that wait. Mostly there is one, which needs no list. */
  #mail: Batch | Batch[] | undefined
  /** Whether the channel sent another request after its hello was answered. That shows that the answer has arrived. */
  reached = false
  /** Whether the hub waited for that request in vain. */
  wasGivenUp = false
  /** When the link counts as lost if the channel sends no request before. */
  #lostAt = NEVER
  /** Whether the first batch, which is the welcome or a bye, was taken. */
  #isOpened = false
  readonly #uploads = new Uploads(this)
  /** Made for the first poll. A link with a stream has no polls. */
  #polls: Polls | undefined
  /** Made for the first large body or answer. */
  #large: LargeBodies | undefined
  /** One alarm for many polls. If it rings too early, it is set again. */
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
  get hub(): string {
    return this.#host.hub
  }
  get clockwork(): Clockwork {
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
    this.#uploads.forget()
    this.clockwork.clear(this)
    this.#host.forget(this)
    this.#hasNews()
  }

  /** Bytes kept in addition to waiting batches: bodies, early uploads, and answers that may not have arrived. */
  get keptBytes(): number {
    let bytes = (this.#large?.keptBytes ?? 0) + (this.stream?.bufferedBytes ?? 0)
    for (const early of this.#uploads.waiting()) bytes += costOf(early)
    for (const answered of this.#polls?.answered() ?? []) bytes += costOf(answered)
    return bytes
  }

  /** Releases everything, and cuts the stream and the connections that take it. */
  abandon(): void {
    this.#mail = undefined
    this.bufferedBytes = 0
    this.#polls?.forgetAnswers()
    this.#uploads.forget()
    this.stream?.cut?.()
    this.#large?.cut()
  }

  /**
   * A large body of this length will be read for the link. Call `endBody` when that has ended.
   *
   * @throws EverwireError `over-capacity` if there are more than a channel sends
   */
  beginBody(bytes: number): void {
    this.#large ??= new LargeBodies()
    this.#large.begin(bytes)
    this.sink?.keeps?.(bytes)
  }

  endBody(bytes: number): void {
    this.#large?.end(bytes)
  }

  /** The channel closed the link, or is known to be gone. */
  lost(why: Closing): void {
    if (this.closing !== undefined) return
    this.#isLost = true
    // The session sends what was not taken on its next link.
    this.#mail = undefined
    this.bufferedBytes = 0
    this.#polls?.forgetAnswers()
    this.close(why)
    this.sink?.closed(why)
  }

  /** Handles an upload when its turn comes. */
  hear(up: number, batch: Batch | undefined): void {
    if (this.closing !== undefined) return
    if (up > 1) this.met()
    this.#uploads.hear(up, batch)
  }
  heard(batch: Batch): void {
    this.sink?.batch(batch)
  }
  kept(batch: Batch): void {
    this.sink?.keeps?.(costOf(batch))
  }
  misused(why: Closing): void {
    this.sink?.refused?.(why)
    this.lost(why)
  }

  /** Answers an upload that asks for no packets, with an ack of its own packets. */
  confirm(exchange: HttpExchange, envelope: Envelope): void {
    const ack = this.closing === undefined ? this.sink?.acknowledgement?.() : undefined
    const stamp = this.stamp(envelope)
    respond(exchange, 200, stamp, encodeBody(stamp, ack === undefined ? [] : [ack]))
  }

  /** Number of held polls. 0 while the welcome waits, which is sent alone. Undefined for SSE, which has no polls. */
  get asked(): number | undefined {
    if (this.name === "sse") return undefined
    return !this.#isOpened && this.#mail !== undefined ? 0 : (this.#polls?.heldCount ?? 0)
  }

  /** Whether there is something to send: a batch, or the closing. */
  get hasMail(): boolean {
    return this.#mail !== undefined || this.closing !== undefined
  }

  /** Takes all waiting batches as one. The first batch of an open link is taken alone. */
  take(): Batch | undefined {
    const mail = this.#mail
    if (mail === undefined || (!this.#isOpened && this.closing === undefined)) return this.takeOne()
    this.#isOpened = true
    this.#mail = undefined
    this.#took(this.bufferedBytes)
    return Array.isArray(mail) ? joinBatches(mail) : mail
  }

  /** Takes the oldest waiting batch. */
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
   * Handles packets that a poll brought outside of the numbered uploads.
   *
   * @throws EverwireError `protocol-error` on other packets than acks; only acks may come twice and in any order
   */
  hearBeside(batch: Batch): void {
    if (decodeBatch(batch).some((packet) => kindOf(packet) !== ACK))
      throw protocolError("a poll that brings more than acks")
    if (this.closing === undefined) this.sink?.batch(batch)
  }

  /** Answers a poll when its turn comes. */
  poll(exchange: HttpExchange, envelope: Envelope, holdMs: number): void {
    this.#polls ??= new Polls(this)
    this.#polls.poll(exchange, envelope, holdMs)
  }

  /** A batch was added or the link closed. Tells the stream at once, or the polls at the end of the tick. */
  #hasNews(): void {
    if (this.#polls !== undefined && this.#polls.heldCount > 0) this.#polls.answerSoon()
    else this.onMail?.()
  }

  ring(): void {
    const now = this.clockwork.now()
    if (now >= this.#lostAt) {
      this.wasGivenUp = !this.reached
      return this.lost(closing("network", "the channel did not come again"))
    }
    this.#polls?.answer(now)
    this.wakeAt(this.#lostAt)
  }

  /** The hello was answered. If the channel does not send another request soon, it is gone or dials again. */
  expect(): void {
    if (!this.reached) this.expectIn(UNREACHED_MS)
  }
  expectIn(ms: number): void {
    this.#lostAt = this.clockwork.now() + ms
    this.wakeAt(this.#lostAt)
  }

  /** The channel has sent another request. */
  met(): void {
    this.reached = true
    this.#lostAt = NEVER
  }

  /**
   * The envelope of an answer: the link, and the numbers of the request. The closing comes after all batches. In the
   * answer to an upload it would overtake batches that were sent before, so only a poll's answer has it, unless the
   * channel closed the link.
   */
  stamp({ up, poll }: Envelope): Envelope {
    // A closing because of a faulty upload is told at once: its sender gets no more packets anyway.
    const isRefused = this.closing?.code === "protocol-error" || this.closing?.code === "too-large"
    const isMail = poll !== undefined || this.#isLost || isRefused
    const close = isMail ? this.closing : undefined
    // The channel keeps the hub's id from the first answer.
    const hub = up === 1 || close !== undefined ? this.#host.hub : undefined
    return { link: this.id, hub, up, poll, close }
  }

  /** Sets the alarm for this time, unless it rings earlier: then it is set again when it rings. */
  wakeAt(at: number): void {
    if (this.closing === undefined && at < (this.slot?.at ?? NEVER)) this.clockwork.set(this, at)
  }

  /** Whether the welcome, or a bye, was sent. */
  get isWelcomed(): boolean {
    return this.#isOpened || this.#mail !== undefined
  }

  /** This many bytes were taken. */
  #took(bytes: number): void {
    const wasFull = this.bufferedBytes >= LINK_BUFFER_BYTES
    this.bufferedBytes -= bytes
    if (wasFull && this.bufferedBytes < LINK_BUFFER_BYTES) this.clockwork.runtime.soon(() => this.tellRoom())
  }

  /** Called when the taken batches have been sent: packets that this causes must come after it. */
  tellRoom(): void {
    if (this.closing === undefined && this.bufferedBytes < LINK_BUFFER_BYTES) this.sink?.writable()
  }

  respond(exchange: HttpExchange, envelope: Envelope, batch: Batch | undefined): void {
    const body = encodeBody(envelope, batch === undefined ? [] : [batch])
    respond(exchange, 200, envelope, body)
    if (body.length < LARGE_BYTES || exchange.unsentBytes === undefined) return
    this.#large ??= new LargeBodies()
    this.#large.answered(exchange)
    // The answer is kept for a repeated poll, and its unsent bytes are. An ack may remove the session's own copy
    // before.
    this.sink?.keeps?.(body.length + exchange.unsentBytes)
  }
}

/** Memory of a waiting batch, in bytes. For short ones the overhead counts more than whether characters are wide. */
function costOf(batch: Batch): number {
  const { length } = batch
  return PACKET_OVERHEAD_BYTES + (length > PACKET_OVERHEAD_BYTES && isWide(batch) ? 2 * length : length)
}
