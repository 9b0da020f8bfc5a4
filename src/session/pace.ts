import type { Link } from "./link.ts"
import { NO_QUEUE_MS, type Place, Rate } from "./rate.ts"

/** While the speed of the link is unknown, `send` answers `false` if more than this waits. */
export const HIGH_WATER_BYTES = 4_096
/** Most that is handed to a link of unknown speed before the other side has acknowledged anything. */
export const WINDOW_BYTES = 16_384

/** How long data that was handed to a link may wait in queues on the way. In milliseconds. */
const QUEUE_MS = 850
/** The same for messages that may be dropped, once a queue on the way was seen. */
const FRESH_MS = 100
/**
 * The same for all unacknowledged data of the application, handed to the link or not. Above it `send` returns `false`.
 */
const HIGH_WATER_MS = 1_000
/**
 * Answers may wait in a queue on the way back. The rest of a round trip counts at most `MAX_BACK_MS` above the
 * quickest, and at most `MAX_REST_MS`.
 */
const MAX_BACK_MS = 300
const MAX_REST_MS = 1_200
/** How long the quickest round trip is remembered, in milliseconds. */
const QUICKEST_MS = 10_000
/** The factor by which a limit grows with each round trip until a mark meets a queue. */
const GROWTH = 8
/** Smallest window: two parts of a packet. It is larger where each ack costs an HTTP exchange. */
const MIN_WINDOW_BYTES = 2_048
const MIN_EXCHANGE_WINDOW_BYTES = 8_192
/** Smallest amount for one request of the other end, such as a poll, in bytes. */
const MIN_SHARE_BYTES = 4_096
const MAX_WINDOW_BYTES = 2 ** 28
/**
 * The size of a part as a share of the window: about 11 ms of what the link carries. So acks come back long before a
 * whole window was sent. If a part is larger than the largest packet, no packet is cut.
 */
const PART_SHARE = 1 / 64
const MIN_PART_BYTES = 1_024
const MAX_PART_BYTES = 2_097_152
/** Most unanswered marks. An end that never answers gets no more of them. */
const MAX_MARKS = 16
/** Least time between two marks while little of the window is used, in milliseconds. */
const MARK_MS = 1_000
/** A measured window halves each time that this passes without an answer, because networks change. In milliseconds. */
const BELIEF_MS = 5_000

const START: Place = { handed: 0, leftAt: 0, arrivedAt: 0, answeredAt: 0 }

/** A probe among the data, with the state of the session when it was sent. */
interface Mark {
  readonly token: number
  readonly at: number
  readonly handed: number
  /** Bytes that were handed to the link and not answered, and the place after which they began. */
  readonly flight: number
  readonly since: Place
  readonly window: number
  readonly highWater: number
}

/**
 * Decides how many bytes a session may hand to its link before the other side answers, how large parts and batches are,
 * and above how many bytes `send` returns `false`. The limits follow the measured speed of the link.
 *
 * Marks, which are probes among the data, measure the speed. The answer to a mark tells how long the mark waited in
 * queues on its way, independent of queues on the way back (as in LEDBAT, RFC 6817). From that and the bytes in flight
 * before the mark follows the window: enough bytes to keep the link busy, and few enough that no probe waits for long.
 */
export class Pace {
  highWaterBytes = HIGH_WATER_BYTES
  /** The largest part of a packet and the largest batch, in bytes. Each is one write to a socket. */
  partBytes = MIN_PART_BYTES
  batchBytes = MIN_PART_BYTES
  #windowBytes = WINDOW_BYTES
  /**
   * Computed by `begin`: the window, the bytes that must wait before a mark is sent, and the bytes between two marks.
   */
  #begunAt = -1
  #roomBytes = 0
  #waitingBytes = 0
  #betweenBytes = 0
  /** Bytes that had been handed to the link at the last `begin`. */
  #begunBytes = 0
  /** `asked` of the link: see {@link Link}. */
  #asked: number | undefined
  /** Whether no mark has ever met a queue. */
  #isFree = true
  /** Marks that are on the way, oldest first. */
  #marks: Mark[] = []
  #markedAt = 0
  #answeredAt = 0
  /** Bytes that were handed to this link, and how many of them before the last mark. */
  #handed = 0
  #marked = 0
  /** The place of the last answered mark, or the place up to which everything is acknowledged. */
  #known = START
  readonly #rate = new Rate()
  /**
   * The shortest round trip of the last seconds without its time in queues, and when it was measured. In milliseconds.
   */
  #leastRestMs = Infinity
  #leastAt = 0

  /** Begins with another link. The limits of the link before are the start values; its marks are dropped. */
  linked(): void {
    this.#marks = []
    this.#begunAt = -1
    this.#handed = this.#marked = this.#markedAt = 0
    this.#known = START
    this.#leastAt = 0
    this.#rate.reset()
  }

  /** Must be called before the session hands data to this link. */
  begin({ exchanges, asked }: Link, now: number): void {
    this.#begunBytes = this.#handed
    this.#asked = asked
    if (this.#begunAt === now) return
    this.#begunAt = now
    const bytes = this.#windowBytes
    const believed = bytes / 2 ** Math.floor((now - this.#answeredAt) / BELIEF_MS)
    const room = Math.max(
      exchanges ? MIN_EXCHANGE_WINDOW_BYTES : 0,
      Math.min(bytes, Math.max(WINDOW_BYTES, Math.floor(believed))),
    )
    const least = Math.min(room, this.highWaterBytes)
    this.#roomBytes = room
    this.#waitingBytes = Math.floor(least / 4)
    this.#betweenBytes = Math.floor(least / (exchanges ? 2 : 3))
    this.partBytes = Math.min(MAX_PART_BYTES, Math.max(MIN_PART_BYTES, Math.floor(room * PART_SHARE)))
    this.batchBytes = Math.max(this.partBytes, room >> 2)
  }

  /**
   * Whether the session must hand no more to the link now. `bytes`: all that the other side has not acknowledged.
   * `isFresh`: what is next may be dropped, so it is better kept here, where a newer message may replace it, than in a
   * queue on the way.
   */
  isFull(bytes: number, isFresh = false): boolean {
    // On polls, one half of the window is acknowledged while the other is on its way. If all of it went in one answer,
    // nothing would be on its way meanwhile.
    const share = this.#asked && !this.#isFree && Math.max(MIN_SHARE_BYTES, this.#roomBytes / (2 * this.#asked))
    return (
      (share && this.#handed - this.#begunBytes >= share) ||
      this.#flight(bytes) >= this.#roomBytes * (isFresh && !this.#isFree ? this.#freshShare() : 1)
    )
  }

  /**
   * Whether the session is to send a mark with this token next. If so, records it. `isLast`: the session hands nothing
   * else to the link now.
   */
  isMarkDue(token: number, bytes: number, now: number, isLast: boolean): boolean {
    const { length } = this.#marks
    if (bytes < this.#waitingBytes || length === MAX_MARKS) return false
    const flight = this.#flight(bytes)
    const isIdle = length === 0 && now - this.#markedAt >= MARK_MS
    const unmarked = this.#handed - this.#marked
    // The answer to a poll arrives in one piece, so a mark at its end measures more than one in the middle.
    const isFar = this.#asked ? isLast && unmarked > 0 : unmarked >= this.#betweenBytes
    const isUsed = flight >= this.#waitingBytes && isFar
    if (!isIdle && !isUsed) return false
    this.#restart(now)
    this.#marks.push({
      token,
      at: now,
      handed: this.#handed,
      flight,
      since: this.#known,
      window: this.#windowBytes,
      highWater: this.highWaterBytes,
    })
    this.#markedAt = now
    this.#marked = this.#handed
    return true
  }

  handed(bytes: number, now: number): void {
    this.#restart(now)
    this.#handed += bytes
  }

  /** All packets are acknowledged. */
  settled(): void {
    this.#known = { ...START, handed: this.#handed }
  }

  /**
   * A probe was answered that had waited `stoodMs` in queues on its way. Returns the round trip in milliseconds, or
   * undefined if the probe was not a mark.
   */
  answered(token: number, stoodMs: number, now: number): number | undefined {
    const index = this.#marks.findIndex((mark) => mark.token === token)
    const mark = this.#marks.splice(0, index + 1).at(-1)
    if (mark === undefined) return undefined
    const { at, handed, flight, since, window, highWater } = mark
    const rttMs = Math.max(1, now - at)
    const lineMs = Math.min(rttMs, stoodMs)
    this.#isFree &&= lineMs < NO_QUEUE_MS
    this.#begunAt = -1
    this.#answeredAt = now
    this.#known = { handed, leftAt: at, arrivedAt: at + lineMs, answeredAt: now }
    const rate = this.#rate
    rate.told(handed - since.handed, this.#known, since, flight >= window / 4)
    const restMs = Math.min(rttMs - lineMs, this.#quickestMs(rttMs - lineMs, now) + MAX_BACK_MS, MAX_REST_MS)
    const follow = (limit: number, before: number, goalMs: number, mostRestMs: number): number => {
      // Rate times this is the number of bytes in flight with the intended time in queues (Little's law).
      const goalRttMs = Math.min(restMs, mostRestMs) + goalMs
      if (lineMs > goalMs) {
        const less = Math.max(rate.latest * goalRttMs, (before * goalRttMs) / (restMs + lineMs))
        return limit === before ? Math.min(limit, less) : Math.max(limit, less)
      }
      // If the sender had little to send, the answer shows neither a slow link nor a fast one.
      if (flight < before / 4) return limit
      return Math.max(limit, rate.sure * goalRttMs, this.#isFree && flight >= before / 2 ? GROWTH * before : 0)
    }
    // Whole numbers of 31 bits, because V8 allocates an object for each other number that is read.
    const whole = (bytes: number): number => Math.floor(Math.max(MIN_WINDOW_BYTES, Math.min(bytes, MAX_WINDOW_BYTES)))
    this.#windowBytes = whole(follow(this.#windowBytes, window, QUEUE_MS, MAX_REST_MS))
    this.highWaterBytes = whole(follow(this.highWaterBytes, highWater, HIGH_WATER_MS, MAX_BACK_MS))
    return rttMs
  }

  /** Bytes that were handed to the link and are neither answered nor acknowledged. */
  #flight(bytes: number): number {
    return Math.min(bytes, this.#handed - this.#known.handed)
  }

  /** The part of the window that messages may use which may be dropped. */
  #freshShare(): number {
    return (this.#leastRestMs + FRESH_MS) / (this.#leastRestMs + QUEUE_MS)
  }

  /** Returns the shortest round trip of the last seconds, this one included. */
  #quickestMs(restMs: number, now: number): number {
    if (restMs < this.#leastRestMs || now - this.#leastAt > QUICKEST_MS) {
      this.#leastRestMs = restMs
      this.#leastAt = now
    }
    return this.#leastRestMs
  }

  /** If nothing is on the way, starts measuring with the bytes that are handed on next. */
  #restart(now: number): void {
    if (this.#handed > this.#known.handed || this.#known.leftAt === now) return
    this.#known = { handed: this.#handed, leftAt: now, arrivedAt: now, answeredAt: now }
  }
}
