import { decodeBatch, encodeBatch, sizeOf } from "../../kernel/codec.ts"
import {
  BATCH_BYTES,
  EXCHANGE_DEADLINE_MS,
  EXCHANGE_RETRY_MS,
  LINK_BUFFER_BYTES,
  UNACKNOWLEDGED_MS,
} from "../../kernel/defaults.ts"
import type { Closing } from "../../kernel/errors.ts"
import type { Batch, Link, LinkSink, Target } from "../transport.ts"
import type { Envelope } from "./envelope.ts"
import { type Answer, exchange } from "./exchange.ts"

type Answered = Exclude<Answer, { failed: Closing }>

/** How batches come down. The three HTTP transports differ in nothing else. */
export interface Down {
  /** Which uploads poll as well: the first (the hello), all of them, or none. */
  readonly polls: "first" | "always" | "never"
  /** For how long a poll may be held, in milliseconds. */
  readonly holdMs?: number
  /** The hello was answered: start whatever brings batches down. */
  opened(envelope: Envelope): void
  /** An upload that polled, or a `poll()`, was answered. */
  answered?(brought: boolean): void
  /** A poll failed after this many milliseconds. */
  cut?(heldMs: number): void
  /** The link is over. */
  stop?(): void
}

/**
 * The client's half of every HTTP link: single-flight uploads in order, repeated when an answer was lost, coalescing what
 * is sent meanwhile. Requests are numbered, so the hub can tell a repetition from news.
 */
export class Uplink implements Link {
  readonly name: string
  readonly exchanges = true
  bufferedBytes = 0
  readonly #target: Target
  readonly #url: string
  readonly #sink: LinkSink
  readonly #down: Down
  /** Batches that wait for the upload in flight to be answered. */
  #queue: Batch[] = []
  /** Set by the hub's first answer. */
  #link: string | undefined
  /** Id of the hub that this link belongs to. */
  #hub: string | undefined
  /** What the last body will say, once `close` was called. */
  #farewell: Closing | undefined
  /** Number of the last upload. */
  #up = 0
  /** Number of the last poll. */
  #poll = 0
  /** Whether an upload is in flight or about to be. */
  #busy = false
  /** Whether polls that bring nothing up go without a body. */
  #bare: boolean
  /** How much one body may carry; halved by a 413. */
  #bodyBytes = 4 * BATCH_BYTES
  #state: "open" | "closing" | "closed" = "open"
  readonly #abort = new AbortController()

  constructor(name: string, target: Target, sink: LinkSink, down: (uplink: Uplink) => Down) {
    this.name = name
    this.#target = target
    this.#url = `${target.url}/${name}`
    this.#bare = !isPreflighted(this.#url)
    this.#sink = sink
    this.#down = down(this)
  }

  send(batch: Batch): void {
    if (this.#state !== "open") return
    this.#queue.push(batch)
    this.bufferedBytes += sizeOf(batch)
    this.#uploadSoon()
  }

  close(why: Closing): void {
    if (this.#state !== "open") return
    if (this.#link === undefined) return this.#end()
    // What was sent before the close still goes, with the close as its last word.
    this.#state = "closing"
    this.#farewell = why
    if (!this.#busy) void this.#say(why)
  }

  /** The wire broke, or the hub closed the link. */
  fail(why: Closing): void {
    if (this.#state === "closed") return
    const tell = this.#state === "open"
    this.#end()
    if (tell) this.#sink.closed(why)
  }

  /** Fetches what waits at the hub, beside the uploads. Undefined when the link is over. */
  async fetch(deadlineMs: number): Promise<Answered | undefined> {
    return this.#settle(await this.#repeat({ poll: ++this.#poll }, [], deadlineMs), true)
  }

  /** Uploads now, even if there is nothing but a poll to send. */
  async upload(): Promise<void> {
    if (this.#busy || this.#state !== "open") return
    this.#busy = true
    const batches = this.#takeBatches()
    const first = this.#link === undefined
    const polls = this.#down.polls === "always" || (this.#down.polls === "first" && first)
    const envelope: Envelope = {
      up: batches.length > 0 ? ++this.#up : undefined,
      poll: polls ? ++this.#poll : undefined,
    }
    const answer = this.#settle(await this.#repeat(envelope, batches, EXCHANGE_DEADLINE_MS), polls || first)
    this.#busy = false
    if (this.#farewell !== undefined) return this.#say(this.#farewell)
    if (answer === undefined) return
    const wasFull = this.bufferedBytes >= LINK_BUFFER_BYTES / 2
    this.bufferedBytes = this.#queue.reduce((sum, batch) => sum + sizeOf(batch), 0)
    if (first) this.#down.opened(answer.envelope)
    if (polls) this.#down.answered?.(answer.batch !== undefined)
    if (this.#queue.length > 0) this.#uploadSoon()
    if (wasFull && this.bufferedBytes < LINK_BUFFER_BYTES / 2) this.#sink.writable()
  }

  /** A batch or a control line came down. */
  hear(envelope: Envelope | undefined, batch: Batch | undefined): void {
    if (this.#state === "open" && batch !== undefined) this.#sink.batch(batch)
    if (envelope?.close !== undefined) this.fail(envelope.close)
  }

  #uploadSoon(): void {
    if (!this.#busy) this.#target.runtime.soon(() => void this.upload())
  }

  #takeBatches(): Batch[] {
    let bytes = 0
    let count = 0
    for (const batch of this.#queue) {
      bytes += sizeOf(batch)
      if (count > 0 && bytes > this.#bodyBytes) break
      count++
    }
    return this.#queue.splice(0, count)
  }

  /** One exchange, repeated with the same numbers while that can help. The hello is not: the ladder judges it. */
  async #repeat(envelope: Envelope, batches: Batch[], deadlineMs: number): Promise<Answer> {
    for (let tries = 0; ; tries++) {
      const asked: Envelope = { link: this.#link, holdMs: this.#down.holdMs, ...envelope }
      const startedAt = this.#target.runtime.now()
      const bare = this.#bare && batches.length === 0
      const answer = await exchange(this.#target, this.#url, asked, batches, bare, deadlineMs, this.#abort.signal)
      if (!("failed" in answer) || this.#state === "closed") return answer
      if (bare && answer.status >= 400 && answer.status < 500 && answer.status !== 429) {
        // Something on the way may drop headers that it does not know, or want a body.
        this.#bare = false
        tries = -1
        continue
      }
      if (answer.status === 413 && this.#split(batches)) {
        tries = -1
        continue
      }
      const pauseMs = EXCHANGE_RETRY_MS[tries]
      const { retryAfterMs = 0 } = answer.failed
      const held = this.#target.runtime.now() - startedAt
      if (envelope.poll !== undefined && envelope.up === undefined) this.#down.cut?.(held)
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

  /** Another hub behind the same address does not know the link; the next try may reach the right one. */
  #mayRepeat({ failed, status, hub }: Exclude<Answer, Answered>): boolean {
    if (failed.code === "link-unknown") return hub !== undefined && hub !== this.#hub
    return failed.retryable && (status < 400 || status === 429 || status >= 500)
  }

  /** A 413 halves what one body carries. What no longer fits goes back to the front of the queue. */
  #split(batches: Batch[]): boolean {
    const back = batches.splice(Math.max(1, batches.length >> 1))
    const [only] = batches
    if (back.length === 0 && only !== undefined) {
      const packets = decodeBatch(only)
      if (packets.length < 2) return false
      batches[0] = encodeBatch(packets.slice(0, packets.length >> 1))
      back.push(encodeBatch(packets.slice(packets.length >> 1)))
    }
    this.#bodyBytes = batches.reduce((sum, batch) => sum + sizeOf(batch), 0)
    this.#queue.unshift(...back)
    return back.length > 0
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
    const queue = this.#queue.splice(0)
    const up = queue.length > 0 ? ++this.#up : undefined
    await exchange(
      this.#target,
      this.#url,
      { link: this.#link, up, close: why },
      queue,
      false,
      EXCHANGE_DEADLINE_MS,
      this.#abort.signal,
    )
    this.#end()
  }

  #end(): void {
    this.#state = "closed"
    this.#queue = []
    this.#abort.abort()
    this.#down.stop?.()
  }

  #pause(ms: number): Promise<void> {
    const { signal } = this.#abort
    return new Promise((resolve) => {
      const done = (): void => {
        cancel()
        signal.removeEventListener("abort", done)
        resolve()
      }
      const cancel = this.#target.runtime.after(ms, done)
      signal.addEventListener("abort", done)
    })
  }
}

/** Whether a browser asks the hub before it sends a header of ours (Fetch standard, "CORS-preflight fetch"). */
function isPreflighted(url: string): boolean {
  const { location } = globalThis as { location?: { origin: string } } // absent in Node
  return location !== undefined && new URL(url).origin !== location.origin
}
