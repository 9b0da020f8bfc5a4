import { HIGH_WATER_BYTES, WINDOW_BYTES } from "./defaults.ts"
import type { Link } from "./link.ts"

/** How long what is handed to a link may stand in line on the way. Over HTTP, where acks are dear, as long as the next one. */
const QUEUE_MS = 700
/** The same for what the application has said, handed on or not: `send` answers `false` above it. */
const HIGH_WATER_MS = 1_000
/** While acks stand in line on the way back and come in lumps, the line may be longer by as much, up to this. */
const MAX_BACK_MS = 400
/**
 * Where what is sent has to wait for its turn, the line may be longer by so many round trips, up to this long each; and what
 * the application has said by half of that.
 */
const TURNS = 2
const MAX_TURN_MS = 750
/** A line that is shorter than this is none: the link carries more. */
const NO_QUEUE_MS = 100
/** By how much a limit grows with each round trip until a line is met. */
const GROWTH = 8
/** A window is never smaller: two parts of a packet. Where an ack is an exchange, it has to be worth one. */
const MIN_WINDOW_BYTES = 2_048
const MIN_EXCHANGE_WINDOW_BYTES = 8_192
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

/** A probe among the data, and what was known when it left: `flight` is what had been handed on and not answered. */
type Mark = readonly [token: number, at: number, handed: number, flight: number, window: number, highWater: number]

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
  /** The largest batch, and the largest part of a packet, in bytes. */
  partBytes = MIN_PART_BYTES
  #windowBytes = WINDOW_BYTES
  /** What follows from the limits at the moment of `begin`: the window, how much must wait for a mark, and lie between two. */
  #begunAt = -1
  #roomBytes = 0
  #waitingBytes = 0
  #betweenBytes = 0
  #lineMs = 0
  #turns = 0
  /** Whether no line was ever met. */
  #isFree = true
  /** Marks that are on the way, oldest first. */
  #marks: Mark[] = []
  #markedAt = 0
  #answeredAt = 0
  /** Bytes handed to this link, how many of them before the last mark, and before the last one that was answered. */
  #handed = 0
  #marked = 0
  #answered = 0

  /** Another link is in use: what was learned of the one before is where its own measuring begins. */
  linked(): void {
    this.#marks = []
    this.#begunAt = -1
    this.#handed = this.#marked = this.#answered = this.#markedAt = 0
  }

  /** To be called before anything is handed to this link. `backMs`: for how long acks stand in line on the way back. */
  begin({ exchanges, polled }: Link, backMs: number, now: number): void {
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
    this.#turns = polled ? TURNS : 0
    this.#lineMs = (exchanges ? HIGH_WATER_MS : QUEUE_MS) + Math.max(0, Math.min(backMs, MAX_BACK_MS))
  }

  /** Whether the link has been handed enough. `bytes`: what the other side has not acknowledged. */
  isFull(bytes: number): boolean {
    return this.#flight(bytes) >= this.#roomBytes
  }

  /** Whether a probe with this token is to be handed on next, to measure the link. */
  isMarkDue(token: number, bytes: number, now: number): boolean {
    const { length } = this.#marks
    if (bytes < this.#waitingBytes || length === MAX_MARKS) return false
    const flight = this.#flight(bytes)
    const isIdle = length === 0 && now - this.#markedAt >= MARK_MS
    const isUsed = flight >= this.#waitingBytes && this.#handed - this.#marked >= this.#betweenBytes
    if (!isIdle && !isUsed) return false
    this.#marks.push([token, now, this.#handed, flight, this.#windowBytes, this.highWaterBytes])
    this.#markedAt = now
    this.#marked = this.#handed
    return true
  }

  handed(bytes: number): void {
    this.#handed += bytes
  }

  /** Everything is acknowledged. */
  settled(): void {
    this.#answered = this.#handed
  }

  /**
   * A probe was answered, which had stood in line for so long. Returns the round trip in milliseconds; undefined when the
   * probe was no mark.
   */
  answered(token: number, stoodMs: number, now: number): number | undefined {
    const index = this.#marks.findIndex(([marked]) => marked === token)
    const mark = this.#marks.splice(0, index + 1).at(-1)
    if (mark === undefined) return undefined
    const [, at, handed, flight, window, highWater] = mark
    const rttMs = Math.max(1, now - at)
    const lineMs = Math.min(rttMs, stoodMs)
    const turnsMs = this.#turns * Math.min(rttMs - lineMs, MAX_TURN_MS)
    this.#isFree &&= turnsMs === 0 && lineMs < NO_QUEUE_MS
    this.#begunAt = -1
    this.#answeredAt = now
    this.#answered = handed
    const follow = (limit: number, before: number, goalMs: number): number => {
      // What was in flight took a round trip (Little's law); with the line that is aimed at it would be so much.
      const bytes = flight * (1 + (goalMs - lineMs) / rttMs)
      if (lineMs > goalMs) return limit === before ? bytes : Math.max(limit, bytes)
      // A sender that had little to say is no slow link, and no fast one.
      if (flight < before / 4) return limit
      return Math.max(limit, bytes, this.#isFree && flight >= before / 2 ? GROWTH * before : 0)
    }
    // Whole numbers of 31 bits: V8 makes an object of each other one that is read.
    const whole = (bytes: number): number => Math.floor(Math.max(MIN_WINDOW_BYTES, Math.min(bytes, MAX_WINDOW_BYTES)))
    this.#windowBytes = whole(follow(this.#windowBytes, window, this.#lineMs + turnsMs))
    this.highWaterBytes = whole(follow(this.highWaterBytes, highWater, HIGH_WATER_MS + turnsMs / 2))
    return rttMs
  }

  /** What was handed on and not answered, as far as it is not acknowledged. */
  #flight(bytes: number): number {
    return Math.min(bytes, this.#handed - this.#answered)
  }
}
