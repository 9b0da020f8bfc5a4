import { decodeBatch, type Packet, sizeOf, utf8 } from "../../../wire/batch.ts"
import {
  BATCH_BYTES,
  EXCHANGE_DEADLINE_MS,
  EXCHANGE_RETRY_MS,
  EXCHANGES_AT_ONCE,
  LINK_BUFFER_BYTES,
  POLL_AGAIN_BYTES,
  UNACKNOWLEDGED_MS,
} from "../../../wire/defaults.ts"
import type { Closing } from "../../../wire/errors.ts"
import { splitPacket } from "../../../wire/fragment.ts"
import { ACK, TAKE } from "../../../wire/kinds.ts"
import { kindOf } from "../../../wire/packet.ts"
import type { Batch, Link, LinkSink, Target } from "../../transport.ts"
import type { Envelope } from "../envelope.ts"
import { type Answer, exchange, type Running } from "./exchange.ts"

/** How much one body carries where nothing on the way has found that too large. */
const MAX_BODY_BYTES = 4 * BATCH_BYTES
/** A body that was found too large is not made smaller than this. */
const LEAST_BODY_BYTES = 1_024
/** Each body costs a head and an answer: one that goes beside two others brings this or more. */
const WORTH_BYTES = 4_096

type Answered = Exclude<Answer, { failed: Closing }>

/** How batches come down. The three HTTP transports differ in nothing else. */
export interface Down {
  /** Which uploads poll as well: all of them; the first (the hello) and then polls go beside them; none. */
  readonly polls: "with uploads" | "beside uploads" | "never"
  /** For how long a poll may be held, in milliseconds. */
  readonly holdMs?: number
  /** The hello was answered: start whatever brings batches down. */
  opened?(envelope: Envelope): void
  /** An upload that polled was answered with this. */
  answered?(brought: Batch | undefined): void
  /** A poll failed after this many milliseconds. */
  cut?(heldMs: number): void
  /** The link is over. */
  stop?(): void
}

/**
 * The client's half of every HTTP link: uploads in order, a few of them in flight at once, each repeated when its answer
 * was lost. What is sent in one tick goes in one body. Requests are numbered, so the hub can tell a repetition from news,
 * and hears uploads in their order whichever comes first.
 */
export class Uplink implements Link {
  readonly name: string
  readonly exchanges = true
  readonly #target: Target
  readonly #url: string
  readonly #sink: LinkSink
  readonly #down: Down
  /** Packets that wait to go in a body. */
  #queue: Packet[] = []
  /** Set by the hub's first answer. */
  #link: string | undefined
  /** Id of the hub that this link belongs to. */
  #hub: string | undefined
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
  /** Bytes of the largest body that was answered. A larger one may be answered 413, so it goes alone. */
  #passedBytes = 0
  /** Whether polls that bring nothing up go without a body. */
  #bare: boolean
  /** How much one body may carry; halved by a 413. */
  #bodyBytes = MAX_BODY_BYTES
  /** Whether what waits has to wait for an answer, although another upload may go. */
  #isStuck = false
  /** Whether acks are in flight beside the uploads. */
  #isAcking = false
  #state: "open" | "closing" | "closed" = "open"
  /** The exchanges and pauses under way. */
  readonly #running = new Set<Running>()

  constructor(name: string, target: Target, sink: LinkSink, down: (uplink: Uplink) => Down) {
    this.name = name
    this.#target = target
    this.#url = `${target.url}/${name}`
    this.#bare = !isPreflighted(this.#url)
    this.#sink = sink
    this.#down = down(this)
  }

  get bufferedBytes(): number {
    return sizeOfAll(this.#queue)
  }

  /** How many more uploads may go now. None while what waits can go in none of them. */
  get asked(): number {
    const [oldest = this.#up + 1] = this.#inFlight
    return this.#isStuck ? 0 : this.#slots - (this.#up + 1 - oldest)
  }

  send(batch: Batch): void {
    if (this.#state !== "open") return
    for (const packet of decodeBatch(batch)) this.#queue.push(packet)
    this.uploadSoon()
  }

  close(why: Closing): void {
    if (this.#state !== "open") return
    if (this.#link === undefined) return this.#end()
    // What was sent before the close still goes, with the close as its last word.
    this.#state = "closing"
    this.#farewell = why
    this.told = new Promise((resolve) => {
      this.#settleTold = resolve
    })
    if (this.#inFlight.size === 0) void this.#say(why)
  }

  abandon(): void {
    this.#end()
  }

  /** The wire broke, or the hub closed the link. */
  fail(why: Closing): void {
    if (this.#state === "closed") return
    const tell = this.#state === "open"
    this.#end()
    if (tell) this.#sink.closed(why)
  }

  /** Whether another poll should be in flight. */
  get #mayPoll(): boolean {
    return this.#polling < this.#wanted
  }

  /** Sends the polls that go beside the uploads. Acks ride on the next one. */
  #pollBeside(): void {
    while (this.#state === "open" && this.#mayPoll) {
      const deadlineMs = (this.#down.holdMs ?? 0) + EXCHANGE_DEADLINE_MS
      void this.#ask({}, deadlineMs, this.#takeAcks()).then(() => this.uploadSoon())
    }
  }

  /** Acks do not wait for the turn of a bulk: they go beside it, in a request without a number. */
  #ackBeside(): void {
    if (this.#state !== "open" || this.#isAcking) return
    const acks = this.#takeAcks()
    if (acks.length === 0) return
    this.#isAcking = true
    void this.#repeat({}, EXCHANGE_DEADLINE_MS, acks).then((answer) => {
      this.#isAcking = false
      this.#settle(answer, false)
      this.uploadSoon()
    })
  }

  /** Acks may come twice and in any order, but not before a take: on a link that is not current they would be lost. */
  #takeAcks(): Packet[] {
    if (this.#inFlight.has(this.#takenBy) || this.#queue.some((packet) => kindOf(packet) === TAKE)) return []
    const acks = this.#queue.filter((packet) => kindOf(packet) === ACK)
    if (acks.length > 0) this.#queue = this.#queue.filter((packet) => kindOf(packet) !== ACK)
    return acks
  }

  /** Sends a poll, which may bring an upload. */
  #ask(envelope: Envelope, deadlineMs: number, packets: Packet[]): Promise<Answered | undefined> {
    this.#polling++
    const answering = this.#repeat({ ...envelope, poll: ++this.#poll }, deadlineMs, packets)
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
    const first = this.#link === undefined
    const pollsApart = this.#down.polls === "beside uploads" && !first
    const polls = this.#down.polls !== "never" && !pollsApart
    if (pollsApart) this.#pollBeside()
    if (this.#inFlight.size > 0 || this.bufferedBytes > WORTH_BYTES) this.#ackBeside()
    const [oldest = this.#up + 1] = this.#inFlight
    if (this.#state !== "open" || this.#up + 1 - oldest >= this.#slots) return
    if (polls && this.#polling === EXCHANGES_AT_ONCE) return
    const beside = this.#inFlight.size
    let packets = this.#take(this.#bodyBytes)
    if (beside > 0 && bytesOf(packets) > this.#passedBytes) {
      this.#putBack(packets)
      // A body of twice the size is waited with until it can go alone; a little less can go at once.
      packets = bytesOf(packets) > 2 * this.#passedBytes ? [] : this.#take(this.#passedBytes)
    }
    const bytes = bytesOf(packets)
    const isLargest = bytes > this.#passedBytes
    const isWorthIt = beside === 0 || (!isLargest && bytes >= (beside > 1 ? WORTH_BYTES : 1))
    this.#isStuck = bytes > 0 && !isWorthIt
    if (bytes > 0 ? !isWorthIt : !polls || !this.#mayPoll) return this.#putBack(packets)
    const number = this.#up + 1
    const envelope: Envelope = bytes > 0 ? { up: number } : {}
    if (bytes > 0) {
      this.#up = number
      this.#inFlight.add(number)
      if (packets.some((packet) => kindOf(packet) === TAKE)) this.#takenBy = number
      if (isLargest) this.#slots = 1
    }
    const answering = polls
      ? this.#ask(envelope, EXCHANGE_DEADLINE_MS, packets)
      : this.#repeat(envelope, EXCHANGE_DEADLINE_MS, packets).then((answer) => this.#settle(answer, first))
    this.uploadSoon()
    // A bulk goes on beside this.
    if (bytes >= WORTH_BYTES && this.asked > 0) this.#writable()
    const answer = await answering
    const wasFull = this.asked === 0
    if (bytes > 0) {
      this.#inFlight.delete(number)
      this.#isStuck = false
      this.#slots = EXCHANGES_AT_ONCE
    }
    if (bytes > 0 && this.#farewell !== undefined && this.#inFlight.size === 0) return this.#say(this.#farewell)
    if (answer === undefined) return
    if (first) this.#down.opened?.(answer.envelope)
    if (polls) this.#down.answered?.(answer.batch)
    if (wasFull && this.asked > 0) this.#writable()
    // The first answer brings the welcome alone, and a bulk goes on.
    if (this.#queue.length > 0 || first || this.#wanted > 1) this.uploadSoon()
  }

  #writable(): void {
    if (this.#state === "open" && this.bufferedBytes < LINK_BUFFER_BYTES) this.#sink.writable()
  }

  /** A batch or a control line came down. */
  hear(envelope: Envelope | undefined, batch: Batch | undefined): void {
    for (const each of this.#running) each.moved()
    if (this.#state === "open" && batch !== undefined) this.#sink.batch(batch)
    if (envelope?.close === undefined) return
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

  #putBack(packets: Packet[]): void {
    this.#queue = [...packets, ...this.#queue]
  }

  /** One exchange, repeated with the same numbers while that can help. The hello is not: the ladder judges it. */
  async #repeat(envelope: Envelope, deadlineMs: number, packets: Packet[] = []): Promise<Answer> {
    for (let tries = 0; ; ) {
      const asked: Envelope = { link: this.#link, holdMs: this.#down.holdMs, ...envelope }
      const startedAt = this.#target.runtime.now()
      // A reason may be longer than a header.
      const bare = this.#bare && packets.length === 0 && envelope.close === undefined
      const bytes = bytesOf(packets)
      const answer = await exchange(
        this.#target,
        this.#url,
        asked,
        bare ? undefined : packets,
        // As fetch tells nothing of how an upload moves, its body has another millisecond for each byte.
        deadlineMs + bytes,
        this.#running,
        () => {
          // What answers an upload alone proves nothing of the way down.
          if (this.#state === "open" && envelope.poll !== undefined) this.#sink.moved?.()
        },
      )
      if (!("failed" in answer)) {
        this.#passedBytes = Math.max(this.#passedBytes, bytes)
        return answer
      }
      if (this.#state === "closed") return answer
      const { failed, status } = answer
      const held = this.#target.runtime.now() - startedAt
      if (bare && status >= 400 && status < 500 && status !== 429) {
        // Something on the way may drop headers that it does not know, or want a body.
        this.#bare = false
      } else if (status === 413 && this.#mayShrink(answer, envelope, packets)) {
        this.#putBack(packets)
        packets = this.#take(this.#bodyBytes)
      } else {
        const pauseMs = EXCHANGE_RETRY_MS[tries++]
        const { retryAfterMs = 0 } = failed
        // An answer that broke off in the middle was not held.
        if (envelope.up === undefined && status !== 200) this.#down.cut?.(held)
        if (
          this.#link === undefined ||
          pauseMs === undefined ||
          !this.#mayRepeat(answer) ||
          // The session has not so much patience: its connector dials again when the server wishes.
          retryAfterMs > UNACKNOWLEDGED_MS ||
          held > EXCHANGE_DEADLINE_MS
        ) {
          return answer
        }
        await this.#pause(Math.max(pauseMs * (0.5 + this.#target.runtime.random()), retryAfterMs))
      }
    }
  }

  /**
   * Whether a body that was answered 413 can go in parts: nothing that is to come behind it has gone yet. And a packet that
   * the hub itself refuses would be too large for it in parts as well.
   */
  #mayShrink({ hub }: Exclude<Answer, Answered>, { up }: Envelope, packets: readonly Packet[]): boolean {
    const size = Math.min(sizeOfAll(packets), this.#bodyBytes)
    if (
      size <= LEAST_BODY_BYTES ||
      up !== this.#up ||
      this.#farewell !== undefined ||
      (packets.length === 1 && hub !== undefined)
    )
      return false
    this.#bodyBytes = size >> 1
    return true
  }

  /** Another hub behind the same address does not know the link; the next try may reach the right one. */
  #mayRepeat({ failed, status, hub }: Exclude<Answer, Answered>): boolean {
    if (failed.code === "link-unknown") return hub !== undefined && hub !== this.#hub
    return failed.retryable && (status < 400 || status === 429 || status >= 500)
  }

  /** `fetched`: whether mail was asked for, or a refusal may come; else the answer brings no more than an ack. */
  #settle(answer: Answer, fetched: boolean): Answered | undefined {
    if ("failed" in answer) {
      this.fail(answer.failed)
      return undefined
    }
    this.#link ??= answer.envelope.link
    this.#hub ??= answer.envelope.hub
    const { envelope, batch } = answer
    if (!fetched && batch !== undefined) this.#sink.acknowledged?.(batch)
    this.hear(envelope, fetched ? batch : undefined)
    return this.#state === "open" ? answer : undefined
  }

  async #say(why: Closing): Promise<void> {
    const up = this.#queue.length > 0 ? ++this.#up : undefined
    const envelope: Envelope = { link: this.#link, up, close: why }
    const answer = await this.#repeat(envelope, EXCHANGE_DEADLINE_MS, this.#queue.splice(0))
    this.#settleTold(!("failed" in answer))
    this.#end()
  }

  #end(): void {
    this.#state = "closed"
    this.#settleTold(false)
    this.#queue = []
    for (const each of this.#running) each.stop()
    this.#down.stop?.()
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        cancel()
        this.#running.delete(self)
        resolve()
      }
      const cancel = this.#target.runtime.after(ms, done)
      const self: Running = { stop: done, moved() {} }
      this.#running.add(self)
    })
  }
}

function sizeOfAll(packets: readonly Packet[]): number {
  return packets.reduce((sum, packet) => sum + sizeOf(packet), 0)
}

/** Size on the wire. */
function bytesOf(packets: readonly Packet[]): number {
  return packets.reduce((sum, packet) => sum + (typeof packet === "string" ? utf8(packet) : packet).length, 0)
}

/** Whether a browser asks the hub before it sends a header of ours (Fetch standard, "CORS-preflight fetch"). */
function isPreflighted(url: string): boolean {
  const { location } = globalThis as { location?: { origin: string } } // absent in Node
  return location !== undefined && !url.startsWith(`${location.origin}/`)
}
