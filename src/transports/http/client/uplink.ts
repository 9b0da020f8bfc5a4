import { decodeBatch, type Packet, sizeOf } from "../../../wire/batch.ts"
import { BATCH_BYTES, EXCHANGES_AT_ONCE, LINK_BUFFER_BYTES, POLL_AGAIN_BYTES } from "../../../wire/defaults.ts"
import type { Closing } from "../../../wire/errors.ts"
import { splitPacket } from "../../../wire/fragment.ts"
import { ACK, TAKE } from "../../../wire/kinds.ts"
import { kindOf } from "../../../wire/packet.ts"
import type { Batch, Link, LinkSink, Target } from "../../transport.ts"
import type { Envelope } from "../envelope.ts"
import type { Down } from "./down.ts"
import {
  type Answer,
  type Answered,
  bytesOf,
  createExchanges,
  type Exchanges,
  type ExchangesHost,
} from "./exchanges.ts"

/** How much one body carries where nothing on the way has found that too large. */
const MAX_BODY_BYTES = 4 * BATCH_BYTES
/** A body that was found too large is not made smaller than this. */
const LEAST_BODY_BYTES = 1_024
/** Each body costs a head and an answer: one that goes beside two others brings this or more. */
const WORTH_BYTES = 4_096

/**
 * The client's half of every HTTP link: uploads in order, a few of them in flight at once, each repeated when its answer
 * was lost. What is sent in one tick goes in one body. Requests are numbered, so the hub can tell a repetition from news,
 * and hears uploads in their order whichever comes first.
 */
export class Uplink implements Link, ExchangesHost {
  readonly name: string
  readonly exchanges = true
  readonly #target: Target
  readonly #sink: LinkSink
  readonly #down: Down
  /** Packets that wait to go in a body. */
  #queue: Packet[] = []
  /** What the last body will say, once `close` was called. */
  #farewell: Closing | undefined
  told: Promise<boolean> | undefined
  #settleTold: (told: boolean) => void = () => {}
  /** Number of the last upload. */
  #up = 0
  /** Number of the last poll. */
  #poll = 0
  /** How many polls are in flight, how many should be, and the last of them. */
  #polling = 0
  #wanted = 1
  #lastPoll: Promise<unknown> | undefined
  /** Numbers of the uploads that have not been answered, the oldest first. */
  readonly #inFlight = new Set<number>()
  /** Number of the upload that brought the last take. */
  #takenBy = 0
  /** How many uploads may be in flight now. */
  #slots = 1
  /** How much one body may carry; halved by a 413. */
  #bodyBytes = MAX_BODY_BYTES
  /** Whether what waits has to wait for an answer, although another upload may go. */
  #isStuck = false
  /** Whether acks are in flight beside the uploads. */
  #isAcking = false
  #state: "open" | "closing" | "closed" = "open"
  readonly #exchanges: Exchanges

  constructor(name: string, target: Target, sink: LinkSink, down: (uplink: Uplink) => Down) {
    this.name = name
    this.#target = target
    this.#sink = sink
    this.#down = down(this)
    this.#exchanges = createExchanges(target, `${target.url}/${name}`, this.#down, this)
  }

  get bufferedBytes(): number {
    return sizeOfAll(this.#queue)
  }

  /** How many more uploads may go now. None while what waits can go in none of them. */
  get asked(): number {
    return this.#isStuck ? 0 : this.#freeSlots
  }

  /** How many more may be in flight. An upload that is answered before an older one keeps its slot until that is answered too. */
  get #freeSlots(): number {
    const next = this.#up + 1
    const [oldest = next] = this.#inFlight
    return this.#slots - next + oldest
  }

  send(batch: Batch): void {
    if (this.#state !== "open") return
    for (const packet of decodeBatch(batch)) this.#queue.push(packet)
    this.uploadSoon()
  }

  close(why: Closing): void {
    if (this.#state !== "open") return
    if (!this.#exchanges.link) return this.abandon()
    // What was sent before the close still goes, with the close as its last word.
    this.#state = "closing"
    this.#farewell = why
    this.told = new Promise((resolve) => {
      this.#settleTold = resolve
    })
    if (this.#inFlight.size === 0) void this.#say(why)
  }

  /** The wire broke, or the hub closed the link. */
  fail(why: Closing): void {
    const before = this.#state
    if (before !== "closed") this.abandon()
    if (before === "open") this.#sink.closed(why)
  }

  /** Sends the polls that go beside the uploads. Acks ride on the next one. */
  #pollBeside(): void {
    while (this.#state === "open" && this.#polling < this.#wanted) {
      void this.#ask(undefined, this.#takeAcks(), this.#down.holdMs).then(() => this.uploadSoon())
    }
  }

  /** Acks do not wait for the turn of a bulk: they go beside it, in a request without a number. */
  #ackBeside(): void {
    if (this.#state !== "open" || this.#isAcking) return
    const acks = this.#takeAcks()
    if (acks.length === 0) return
    this.#isAcking = true
    void this.#exchanges.run({}, acks).then((answer) => {
      this.#isAcking = false
      this.#settle(answer, false)
      this.uploadSoon()
    })
  }

  /** Acks may come twice and in any order, but not before a take: on a link that is not current they would be lost. */
  #takeAcks(): Packet[] {
    if (this.#inFlight.has(this.#takenBy) || this.#queue.some(isTake)) return []
    const acks = this.#queue.filter((packet) => kindOf(packet) === ACK)
    if (acks.length > 0) this.#queue = this.#queue.filter((packet) => kindOf(packet) !== ACK)
    return acks
  }

  /** Sends a poll, which may bring an upload. */
  #ask(up: number | undefined, packets: Packet[], holdMs?: number): Promise<Answered | undefined> {
    this.#polling++
    const answering = this.#exchanges.run({ up, poll: ++this.#poll }, packets, holdMs)
    const asking = this.#hearAfter(this.#lastPoll, answering)
    this.#lastPoll = asking
    return asking
  }

  /** What polls bring down is heard in the order in which they were sent. */
  async #hearAfter(before: Promise<unknown> | undefined, answering: Promise<Answer>): Promise<Answered | undefined> {
    const answer = await answering
    if (!("failed" in answer)) await before
    this.#polling--
    const settled = this.#settle(answer, true)
    const { batch } = settled ?? {}
    this.#wanted = batch !== undefined && sizeOf(batch) >= POLL_AGAIN_BYTES ? 2 : 1
    return settled
  }

  /** Uploads at the end of the tick, even if there is nothing but a poll to send. */
  uploadSoon(): void {
    this.#target.runtime.soon(() => void this.#upload())
  }

  async #upload(): Promise<void> {
    const first = !this.#exchanges.link
    const pollsApart = this.#down.polls === "beside uploads" && !first
    const polls = this.#down.polls !== "never" && !pollsApart
    if (pollsApart) this.#pollBeside()
    if (this.#inFlight.size > 0 || this.bufferedBytes > WORTH_BYTES) this.#ackBeside()
    if (this.#state !== "open" || this.#freeSlots <= 0 || (polls && this.#polling === EXCHANGES_AT_ONCE)) return
    const { passedBytes } = this.#exchanges
    const beside = this.#inFlight.size
    let packets = this.#take(this.#bodyBytes)
    if (beside > 0 && bytesOf(packets) > passedBytes) {
      this.#putBack(packets)
      // A body of twice the size is waited with until it can go alone; a little less can go at once.
      packets = bytesOf(packets) > 2 * passedBytes ? [] : this.#take(passedBytes)
    }
    const bytes = bytesOf(packets)
    const isLargest = bytes > passedBytes
    this.#isStuck = beside > 0 && bytes > 0 && (isLargest || (beside > 1 && bytes < WORTH_BYTES))
    if (bytes > 0 ? this.#isStuck : !polls || this.#polling >= this.#wanted) return this.#putBack(packets)
    const up = bytes > 0 ? ++this.#up : undefined
    if (up) {
      this.#inFlight.add(up)
      if (packets.some(isTake)) this.#takenBy = up
      if (isLargest) this.#slots = 1
    }
    const answering = polls
      ? this.#ask(up, packets)
      : this.#exchanges.run({ up }, packets).then((answer) => this.#settle(answer, first))
    this.uploadSoon()
    // A bulk goes on beside this.
    if (bytes >= WORTH_BYTES && this.asked > 0) this.#writable()
    const answer = await answering
    const wasFull = this.asked === 0
    if (up) {
      this.#inFlight.delete(up)
      this.#isStuck = false
      this.#slots = EXCHANGES_AT_ONCE
      if (this.#farewell && this.#inFlight.size === 0) return this.#say(this.#farewell)
    }
    if (!answer) return
    if (first) this.#down.opened?.(answer.envelope)
    if (polls) this.#down.answered?.(answer.batch)
    if (wasFull && this.asked > 0) this.#writable()
    // The first answer brings the welcome alone, and a bulk goes on.
    if (this.#queue.length > 0 || first || this.#wanted > 1) this.uploadSoon()
  }

  /** A piece of the answer to a poll has come. */
  moved(): void {
    if (this.#state === "open") this.#sink.moved?.()
  }

  #writable(): void {
    if (this.#state === "open" && this.bufferedBytes < LINK_BUFFER_BYTES) this.#sink.writable()
  }

  /** A batch or a control line came down. */
  hear(envelope: Envelope | undefined, batch: Batch | undefined): void {
    this.#exchanges.moved()
    if (this.#state === "open" && batch !== undefined) this.#sink.batch(batch)
    if (!envelope?.close) return
    // What answers the last word may come down before the answer to its request, which is not to be broken off.
    if (this.#state === "closing") this.#down.stop?.()
    else this.fail(envelope.close)
  }

  /** Takes packets for a body of about this size from the queue. */
  #take(size: number): Packet[] {
    const [large] = this.#queue
    // Something on the way has answered 413 to a body of this size.
    const parts = large && this.#bodyBytes < MAX_BODY_BYTES && splitPacket(large, this.#bodyBytes)
    if (parts) this.#queue.splice(0, 1, ...parts)
    let room = Math.min(size, this.#bodyBytes)
    let count = 0
    for (const packet of this.#queue) {
      room -= sizeOf(packet)
      if (count > 0 && room < 0) break
      count++
    }
    return this.#queue.splice(0, count)
  }

  #putBack(packets: readonly Packet[]): void {
    this.#queue = [...packets, ...this.#queue]
  }

  /**
   * Returns a smaller body for one that was answered 413, unless a later upload has gone already: uploads keep their
   * order. A packet that the hub itself refuses would be too large for it in parts as well.
   */
  shrink(packets: readonly Packet[], up: number | undefined, hub: string | undefined): Packet[] | undefined {
    const size = Math.min(sizeOfAll(packets), this.#bodyBytes)
    if (size <= LEAST_BODY_BYTES || up !== this.#up || this.#farewell || (packets.length === 1 && hub)) return undefined
    this.#bodyBytes = size >> 1
    this.#putBack(packets)
    return this.#take(this.#bodyBytes)
  }

  /** `fetched`: whether mail was asked for, or a refusal may come; else the answer brings no more than an ack. */
  #settle(answer: Answer, fetched: boolean): Answered | undefined {
    if ("failed" in answer) {
      this.fail(answer.failed)
      return undefined
    }
    const { envelope, batch } = answer
    this.#exchanges.link ??= envelope.link
    if (!fetched && batch !== undefined) this.#sink.acknowledged?.(batch)
    this.hear(envelope, fetched ? batch : undefined)
    return this.#state === "open" ? answer : undefined
  }

  async #say(why: Closing): Promise<void> {
    const up = this.#queue.length > 0 ? ++this.#up : undefined
    const answer = await this.#exchanges.run({ up, close: why }, this.#queue.splice(0))
    this.#settleTold(!("failed" in answer))
    this.abandon()
  }

  /** Ends the link without a last word. */
  abandon(): void {
    this.#state = "closed"
    this.#settleTold(false)
    this.#queue = []
    this.#exchanges.stop()
    this.#down.stop?.()
  }
}

const isTake = (packet: Packet): boolean => kindOf(packet) === TAKE

function sizeOfAll(packets: readonly Packet[]): number {
  return packets.reduce((sum, packet) => sum + sizeOf(packet), 0)
}
