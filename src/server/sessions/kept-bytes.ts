import { type Closing, closing } from "../../wire/errors.ts"
import { RUN_OVERHEAD_BYTES } from "./shared-outbox.ts"

/** Packets that one session keeps alive, or several. */
export interface KeptList {
  /** Memory of the whole list, in bytes. */
  readonly bytes: number
  /** How many runs of outboxes refer to it, when the hub last counted. */
  holders: number
}

/** A session that keeps bytes for its channel. */
export interface Keeper {
  /** Bytes that only this session keeps: parts of a packet, input and items that wait, and data that its links have not sent. */
  readonly ownBytes: number
  /** Lists of packets that the session keeps alive. Other sessions may share them. */
  lists(): Iterable<KeptList>
  /** Whether the channel acknowledged anything since the last call. */
  hasTaken(): boolean
  /** Ends the session and releases its memory. */
  makeRoom(why: Closing): void
}

/**
 * Factor for a session whose channel acknowledged nothing since the last count: of two that keep as much, it ends
 * first.
 */
const STALLED_WEIGHT = 4
/** When the limit is exceeded, this part of it is freed at once, so that the next count is not needed soon. */
const FREED_PART = 1 / 16

export const TOO_MUCH = closing(
  "over-capacity",
  "the hub keeps too much for all sessions, and for this one more than for others",
)

/**
 * Limits the memory that a hub keeps for all sessions. Counting goes over all sessions, so it is done rarely: callers
 * report an upper bound of what they add, and only when the sum since the last count could exceed the limit does the
 * hub count again. Released memory need not be reported.
 */
export class KeptBytes {
  readonly #maxBytes: number
  readonly #sessions: () => Iterable<Keeper>
  /** What sessions have left behind that have ended. */
  readonly #left = new Set<Keeper>()
  /** At this size, those of `#left` are forgotten that keep nothing any more. */
  #sweepAt = 16
  /** Bytes that may still be added before the next count. */
  #room: number
  #isJudging = false

  constructor(maxBytes: number, sessions: () => Iterable<Keeper>) {
    this.#maxBytes = maxBytes
    this.#sessions = sessions
    this.#room = maxBytes
  }

  /** Adds this many bytes. Ends sessions if that is too much for the hub. Returns whether there is room now. */
  grow(bytes: number): boolean {
    this.#room -= bytes
    if (this.#room < 0 && !this.#isJudging) this.#judge(bytes)
    return this.#room >= 0
  }

  /** Whether so many bytes can be added and no session ends because of it. */
  hasRoom(bytes: number): boolean {
    if (bytes > this.#room) this.#room = this.#maxBytes - this.total()
    return bytes <= this.#room
  }

  /** A session has ended, and the application still holds these bytes of it. They are counted as before. */
  leave(keeper: Keeper): void {
    this.#left.add(keeper)
    if (this.#left.size < this.#sweepAt) return
    this.#sweep()
    this.#sweepAt = 2 * Math.max(8, this.#left.size)
  }

  #sweep(): void {
    for (const keeper of this.#left) if (keeper.ownBytes === 0) this.#left.delete(keeper)
  }

  *#keepers(): Generator<Keeper> {
    yield* this.#sessions()
    yield* this.#left
  }

  /** Bytes that are kept now. A list that several sessions share counts once. */
  total(): number {
    const seen = new Set<KeptList>()
    let total = 0
    for (const keeper of this.#keepers()) {
      total += keeper.ownBytes
      for (const list of keeper.lists()) {
        total += RUN_OVERHEAD_BYTES
        if (!seen.has(list)) {
          seen.add(list)
          list.holders = 0
          total += list.bytes
        }
        list.holders++
      }
    }
    return total
  }

  /** `coming` bytes are about to be added and need room too. */
  #judge(coming: number): void {
    this.#isJudging = true
    // Listeners of sessions that end may send more, which counts from here on.
    this.#room = -coming
    const least = this.#maxBytes * FREED_PART
    let total = this.total()
    if (total + coming > this.#maxBytes - least / 4) {
      // Sessions that hold most end first. A shared list is freed with the last session that holds it.
      for (const { keeper, lists, bytes } of this.#ranked()) {
        if (total + coming <= this.#maxBytes - least) break
        total -= bytes
        for (const list of lists) if (--list.holders === 0) total -= list.bytes
        keeper.makeRoom(TOO_MUCH)
      }
    }
    this.#room += this.#maxBytes - total
    this.#isJudging = false
  }

  /** The sessions that keep something, in the order in which they are ended. */
  #ranked(): { keeper: Keeper; lists: KeptList[]; bytes: number; weight: number }[] {
    const ranked = []
    for (const keeper of this.#keepers()) {
      const lists = [...keeper.lists()]
      const bytes = keeper.ownBytes + lists.length * RUN_OVERHEAD_BYTES
      const share = lists.reduce((sum, list) => sum + list.bytes / list.holders, bytes)
      const weight = share * (keeper.hasTaken() ? 1 : STALLED_WEIGHT)
      if (share > 0) ranked.push({ keeper, lists, bytes, weight })
    }
    return ranked.sort((one, other) => other.weight - one.weight)
  }
}
