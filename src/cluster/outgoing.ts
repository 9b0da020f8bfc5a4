import type { Broadcast } from "../server/across.ts"
import type { Clockwork, Flushable } from "../session/clockwork.ts"
import { EverwireError } from "../wire/errors.ts"
import { bytesOf, encodeFrame, type Numbered } from "./room-frames.ts"
import type { RoomTopics } from "./room-topics.ts"

/** Most bytes of messages to rooms that wait while the store is away. */
const MAX_WAITING_BYTES = 8_388_608
/** Most bytes of messages in one publish, unless one message is larger. */
const MAX_FRAME_BYTES = 262_144
export interface OutgoingHost {
  publish(topic: string, data: Uint8Array): void
  readonly clockwork: Clockwork
  readonly topics: RoomTopics
  /** Id of the hub or publisher. */
  readonly id: string
  /** Receives faults. */
  failed(error: unknown): void
}

/** What this process has published, and dropped. */
interface Counts {
  published: number
  unpublished: number
}

/**
 * Publishes messages to several peers, in the order in which they were sent. At the end of the tick those that follow each
 * other and go to the same rooms are published together. While the store is away they wait; above the bound the oldest are
 * dropped, because after an interruption the newest are worth most.
 */
export class Outgoing implements Flushable {
  readonly counts: Counts = { published: 0, unpublished: 0 }
  readonly #host: OutgoingHost
  #waiting: Numbered[] = []
  /** Index of the oldest in `#waiting`. */
  #first = 0
  #bytes = 0
  #number = 0
  /** Set when this process has joined the others. */
  #isConnected = false
  #isFlushDue = false
  /** Whether it was told that messages are dropped, since the connection was lost. */
  #isTold = false

  constructor(host: OutgoingHost) {
    this.#host = host
  }

  /** How many messages wait. */
  get waiting(): number {
    return this.#waiting.length - this.#first
  }

  get isConnected(): boolean {
    return this.#isConnected
  }

  /** Number of the last message that was sent. */
  get number(): number {
    return this.#number
  }

  /** Returns the message with the number that it has got. */
  send(broadcast: Broadcast): Numbered {
    const message = { number: ++this.#number, broadcast }
    const { volatile } = broadcast.delivery ?? {}
    if (volatile === true && !this.#isConnected) this.counts.unpublished++
    else this.#push(message)
    return message
  }

  #push(message: Numbered): void {
    this.#waiting.push(message)
    this.#bytes += bytesOf(message.broadcast)
    if (!this.#isConnected) return this.#bound()
    if (this.#bytes > MAX_FRAME_BYTES) return this.#publish()
    if (this.#isFlushDue) return
    this.#isFlushDue = true
    this.#host.clockwork.flushSoon(this)
  }

  /** Publishes a frame of another kind behind all messages before it. Dropped while the store is away. */
  publish(topic: string, frame: Uint8Array): void {
    if (!this.#isConnected) return
    this.#publish()
    this.#host.publish(topic, frame)
  }

  connected(isConnected: boolean): void {
    this.#isConnected = isConnected
    this.#isTold = false
    if (isConnected) this.#publish()
  }

  flushNow(): void {
    this.#isFlushDue = false
    if (this.#isConnected) this.#publish()
  }

  #publish(): void {
    if (this.#waiting.length === 0) return
    const waiting = newestOf(this.#first > 0 ? this.#waiting.slice(this.#first) : this.#waiting)
    this.#waiting = []
    this.#first = this.#bytes = 0
    const now = this.#host.clockwork.now()
    let run: Numbered[] = []
    let bytes = 0
    for (const message of waiting) {
      const { delivery, rooms } = message.broadcast
      if (delivery?.until !== undefined && now > delivery.until) continue
      const isNext = run.length === 0 || areSame(run[0]?.broadcast.rooms, rooms)
      if (!isNext || bytes > MAX_FRAME_BYTES) {
        this.#publishRun(run, now)
        run = []
        bytes = 0
      }
      run.push(message)
      bytes += bytesOf(message.broadcast)
    }
    this.#publishRun(run, now)
  }

  #publishRun(messages: readonly Numbered[], now: number): void {
    const [first] = messages
    if (first === undefined) return
    const { topics, id } = this.#host
    const frame = encodeFrame({ kind: "messages", from: id, messages }, now)
    this.counts.published += messages.length
    for (const topic of topicsOf(first.broadcast, topics)) this.#host.publish(topic, frame)
  }

  /** Drops the oldest messages above the bound. */
  #bound(): void {
    let dropped = 0
    while (this.#bytes > MAX_WAITING_BYTES) {
      const oldest = this.#waiting[this.#first]
      if (oldest === undefined) break
      this.#first++
      this.#bytes -= bytesOf(oldest.broadcast)
      dropped++
    }
    if (dropped === 0) return
    this.counts.unpublished += dropped
    // Not each time, because that would copy all that waits for each message.
    if (this.#first > this.#waiting.length / 2) {
      this.#waiting = this.#waiting.slice(this.#first)
      this.#first = 0
    }
    if (this.#isTold) return
    this.#isTold = true
    const what = "the store is away, and the oldest of what waits for the peers of other processes is dropped"
    this.#host.failed(new EverwireError("backplane-unavailable", what, { retryable: true }))
  }
}

/** One topic for each room, or that of all. */
function topicsOf({ rooms }: Broadcast, topics: RoomTopics): ReadonlySet<string> {
  return new Set(rooms === undefined ? [topics.all] : rooms.map((room) => topics.room(room)))
}

/** Without the messages that a newer one replaces, as `latest` asks. */
function newestOf(messages: readonly Numbered[]): readonly Numbered[] {
  if (!messages.some(({ broadcast }) => broadcast.delivery?.key !== undefined)) return messages
  const seen = new Set<string>()
  return messages
    .toReversed()
    .filter(({ broadcast: { delivery, rooms, except } }) => {
      if (delivery?.key === undefined) return true
      const what = JSON.stringify([delivery.key, rooms ?? null, except])
      if (seen.has(what)) return false
      seen.add(what)
      return true
    })
    .toReversed()
}

function areSame(some: readonly string[] | undefined, others: readonly string[] | undefined): boolean {
  if (some === undefined || others === undefined) return some === others
  return some.length === others.length && some.every((room, at) => room === others[at])
}
