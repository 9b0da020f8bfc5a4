import { HIGH_WATER_BYTES, WINDOW_BYTES } from "../wire/defaults.ts"
import type { Link } from "./link.ts"
import { NO_QUEUE_MS, type Place, Rate } from "./rate.ts"

/** How long what is handed to a link may stand in line on the way. */
const QUEUE_MS = 850
/** The same for what the application has said, handed on or not: `send` answers `false` above it. */
const HIGH_WATER_MS = 1_000
/** Where answers stand in a line on the way back, they are waited for by so much longer than the quickest, and so long in all. */
const MAX_BACK_MS = 300
const MAX_REST_MS = 1_200
/** For how long the quickest is remembered. */
const QUICKEST_MS = 10_000
/** By how much a limit grows with each round trip until a line is met. */
const GROWTH = 8
/** A window is never smaller: two parts of a packet. Where an ack is an exchange, it has to be worth one. */
const MIN_WINDOW_BYTES = 2_048
const MIN_EXCHANGE_WINDOW_BYTES = 8_192
/** And what is handed on for once where the other end asks. */
const MIN_SHARE_BYTES = 4_096
const MAX_WINDOW_BYTES = 2 ** 28
/**
 * A part of a packet is this share of the window, so that acks come back long before all of it has gone: about 11 ms of what
 * the link carries. On a link where that is more than the largest packet none is cut.
 */
const PART_SHARE = 1 / 64
const MIN_PART_BYTES = 1_024
const MAX_PART_BYTES = 2_097_152
/** Who never answers is not asked any more. */
const MAX_MARKS = 16
/** A window that is not half used is measured no oftener than this. */
const MARK_MS = 1_000
/** What was measured is believed for so long, and half of it for as long again: networks change. */
const BELIEF_MS = 5_000

const START: Place = { handed: 0, leftAt: 0, arrivedAt: 0, answeredAt: 0 }

/** A probe among the data, and what was known when it left. */
interface Mark {
  readonly token: number
  readonly at: number
  readonly handed: number
  /** What had been handed on and not answered, and the place behind which that began. */
  readonly flight: number
  readonly since: Place
  readonly window: number
  readonly highWater: number
}

/**
 * How much may be handed to a link before the other side has answered, in parts of which size, and from when on the
 * application is told to wait. Both limits follow what the link was seen to carry.
 *
 * Probes among the data, the marks, measure it. The answer tells for how long a mark stood in line behind data, whatever the
 * way back is busy with (as in LEDBAT, RFC 6817). With what was in flight before it, that gives the bytes for the line that is
 * aimed at: enough for the link to be busy, and little enough that no probe waits for long.
 */
export class Pace {
  highWaterBytes = HIGH_WATER_BYTES
  /** The largest part of a packet, in bytes, and the largest batch of packets: each is a write to a socket. */
  partBytes = MIN_PART_BYTES
  batchBytes = MIN_PART_BYTES
  #windowBytes = WINDOW_BYTES
  /** What follows from the limits at the moment of `begin`: the window, how much must wait for a mark, and lie between two. */
  #begunAt = -1
  #roomBytes = 0
  #waitingBytes = 0
  #betweenBytes = 0
  /** What had been handed on at that moment. */
  #begunBytes = 0
  /** See {@link Link}. */
  #asked: number | undefined
  /** Whether no line was ever met. */
  #isFree = true
  /** Marks that are on the way, oldest first. */
  #marks: Mark[] = []
  #markedAt = 0
  #answeredAt = 0
  /** Bytes handed to this link, and how many of them before the last mark. */
  #handed = 0
  #marked = 0
  /** Where the last mark was that was answered; or where everything before was acknowledged. */
  #known = START
  readonly #rate = new Rate()
  /** The shortest round trip beside its line, of the last seconds, and when that was. */
  #leastRestMs = Infinity
  #leastAt = 0

  /** Another link is in use: what was learned of the one before is where its own measuring begins. */
  linked(): void {
    this.#marks = []
    this.#begunAt = -1
    this.#handed = this.#marked = this.#markedAt = 0
    this.#known = START
    this.#leastAt = 0
    this.#rate.reset()
  }

  /** To be called before anything is handed to this link. */
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

  /** Whether the link has been handed enough. `bytes`: what the other side has not acknowledged. */
  isFull(bytes: number): boolean {
    // While one half of the window is acknowledged, the other is on its way. Halves that went at once would come at once.
    const share = this.#asked && !this.#isFree && Math.max(MIN_SHARE_BYTES, this.#roomBytes / (2 * this.#asked))
    return (share && this.#handed - this.#begunBytes >= share) || this.#flight(bytes) >= this.#roomBytes
  }

  /**
   * Whether a probe with this token is to be handed on next, to measure the link. `isLast`: nothing else will be handed on
   * now.
   */
  isMarkDue(token: number, bytes: number, now: number, isLast: boolean): boolean {
    const { length } = this.#marks
    if (bytes < this.#waitingBytes || length === MAX_MARKS) return false
    const flight = this.#flight(bytes)
    const isIdle = length === 0 && now - this.#markedAt >= MARK_MS
    const unmarked = this.#handed - this.#marked
    // What is asked for goes in one piece, and its last word tells more than one in the middle.
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

  /** Everything is acknowledged. */
  settled(): void {
    this.#known = { ...START, handed: this.#handed }
  }

  /**
   * A probe was answered, which had stood in line for so long. Returns the round trip in milliseconds; undefined when the
   * probe was no mark.
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
      // This much is in flight when the line is the one that is aimed at (Little's law).
      const goalRttMs = Math.min(restMs, mostRestMs) + goalMs
      if (lineMs > goalMs) {
        const less = Math.max(rate.latest * goalRttMs, (before * goalRttMs) / (restMs + lineMs))
        return limit === before ? Math.min(limit, less) : Math.max(limit, less)
      }
      // A sender that had little to say is no slow link, and no fast one.
      if (flight < before / 4) return limit
      return Math.max(limit, rate.sure * goalRttMs, this.#isFree && flight >= before / 2 ? GROWTH * before : 0)
    }
    // Whole numbers of 31 bits: V8 makes an object of each other one that is read.
    const whole = (bytes: number): number => Math.floor(Math.max(MIN_WINDOW_BYTES, Math.min(bytes, MAX_WINDOW_BYTES)))
    this.#windowBytes = whole(follow(this.#windowBytes, window, QUEUE_MS, MAX_REST_MS))
    this.highWaterBytes = whole(follow(this.highWaterBytes, highWater, HIGH_WATER_MS, MAX_BACK_MS))
    return rttMs
  }

  /** What was handed on and not answered, as far as it is not acknowledged. */
  #flight(bytes: number): number {
    return Math.min(bytes, this.#handed - this.#known.handed)
  }

  /** The shortest round trip of the last seconds, with this one. */
  #quickestMs(restMs: number, now: number): number {
    if (restMs < this.#leastRestMs || now - this.#leastAt > QUICKEST_MS) {
      this.#leastRestMs = restMs
      this.#leastAt = now
    }
    return this.#leastRestMs
  }

  /** When nothing is on the way, measuring begins with what is handed on next. */
  #restart(now: number): void {
    if (this.#handed > this.#known.handed || this.#known.leftAt === now) return
    this.#known = { handed: this.#handed, leftAt: now, arrivedAt: now, answeredAt: now }
  }
}
