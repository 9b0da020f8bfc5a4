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

/** What all mailboxes of an acceptor have in common. */
export interface MailboxHost {
  /** The transport's name. */
  readonly name: string
  readonly hub: string
  readonly clockwork: Clockwork
  /** The link has ended. */
  forget(mailbox: Mailbox): void
}

/** The hub's half of every HTTP link: batches wait here until a poll or a stream takes them. */
export class Mailbox implements Link, Alarm, PolledMail, UploadHearer {
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
  readonly #uploads = new Uploads(this)
  /** Made with the first poll: a link that has a stream has none. */
  #polls: Polls | undefined
  /** Made with the first large body or answer. */
  #large: LargeBodies | undefined
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

  /** What is kept beside the mail: bodies, uploads before their turn, and answers until they are known to have arrived. */
  get keptBytes(): number {
    let bytes = (this.#large?.keptBytes ?? 0) + (this.stream?.bufferedBytes ?? 0)
    for (const early of this.#uploads.waiting()) bytes += costOf(early)
    for (const answered of this.#polls?.answered() ?? []) bytes += costOf(answered)
    return bytes
  }

  /** Lets go of everything, and of whom takes the mail. */
  abandon(): void {
    this.#mail = undefined
    this.bufferedBytes = 0
    this.#polls?.forgetAnswers()
    this.#uploads.forget()
    this.stream?.cut?.()
    this.#large?.cut()
  }

  /**
   * A large body for this link is going to be read, of so many bytes. `endBody` tells of its end.
   *
   * @throws EverwireError `over-capacity` when there are more than a channel sends
   */
  beginBody(bytes: number): void {
    this.#large ??= new LargeBodies()
    this.#large.begin(bytes)
    this.sink?.keeps?.(bytes)
  }

  endBody(bytes: number): void {
    this.#large?.end(bytes)
  }

  /** The other end closed the link, or is known to have gone. */
  lost(why: Closing): void {
    if (this.closing !== undefined) return
    this.#isLost = true
    // What it has not taken is brought by the session's next link.
    this.#mail = undefined
    this.bufferedBytes = 0
    this.#polls?.forgetAnswers()
    this.close(why)
    this.sink?.closed(why)
  }

  /** Hears an upload, when it is its turn. */
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

  /** Answers an upload that fetches nothing, with an ack of what it brought. */
  confirm(exchange: HttpExchange, envelope: Envelope): void {
    const ack = this.closing === undefined ? this.sink?.acknowledgement?.() : undefined
    const stamp = this.stamp(envelope)
    respond(exchange, 200, stamp, encodeBody(stamp, ack === undefined ? [] : [ack]))
  }

  /** How many polls are held. None while the welcome waits, which goes alone; a stream does not ask. */
  get asked(): number | undefined {
    if (this.name === "sse") return undefined
    return !this.#isOpened && this.#mail !== undefined ? 0 : (this.#polls?.heldCount ?? 0)
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

  /** Answers a poll, when it is its turn. */
  poll(exchange: HttpExchange, envelope: Envelope, holdMs: number): void {
    this.#polls ??= new Polls(this)
    this.#polls.poll(exchange, envelope, holdMs)
  }

  /** Something was put in, or the link closed: told to the stream, or to the polls at the end of the tick. */
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

  /** The hello has been answered: a channel that does not come soon has left, or will dial again. */
  expect(): void {
    if (!this.reached) this.expectIn(UNREACHED_MS)
  }
  expectIn(ms: number): void {
    this.#lostAt = this.clockwork.now() + ms
    this.wakeAt(this.#lostAt)
  }

  /** The channel has come again. */
  met(): void {
    this.reached = true
    this.#lostAt = NEVER
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

  /** Sets the alarm, unless it rings earlier anyway and will look again. */
  wakeAt(at: number): void {
    if (this.closing === undefined && at < (this.slot?.at ?? NEVER)) this.clockwork.set(this, at)
  }

  /** The welcome, or a bye, has been sent. */
  get isWelcomed(): boolean {
    return this.#isOpened || this.#mail !== undefined
  }

  /** So many bytes wait no more. */
  #took(bytes: number): void {
    const wasFull = this.bufferedBytes >= LINK_BUFFER_BYTES
    this.bufferedBytes -= bytes
    if (wasFull && this.bufferedBytes < LINK_BUFFER_BYTES) this.clockwork.runtime.soon(() => this.tellRoom())
  }

  /** Told when whoever takes has put down what it took: what is sent from inside must come after it. */
  tellRoom(): void {
    if (this.closing === undefined && this.bufferedBytes < LINK_BUFFER_BYTES) this.sink?.writable()
  }

  respond(exchange: HttpExchange, envelope: Envelope, batch: Batch | undefined): void {
    const body = encodeBody(envelope, batch === undefined ? [] : [batch])
    respond(exchange, 200, envelope, body)
    if (body.length < LARGE_BYTES || exchange.unsentBytes === undefined) return
    this.#large ??= new LargeBodies()
    this.#large.answered(exchange)
    // The answer itself may be asked for again, and the session's own copy may be acknowledged while nobody reads this one.
    this.sink?.keeps?.(body.length + exchange.unsentBytes)
  }
}

/** What a batch costs that waits here. A short one is mostly its overhead, whatever its characters are. */
function costOf(batch: Batch): number {
  const { length } = batch
  return PACKET_OVERHEAD_BYTES + (length > PACKET_OVERHEAD_BYTES && isWide(batch) ? 2 * length : length)
}
