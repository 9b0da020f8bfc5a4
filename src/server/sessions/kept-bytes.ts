import { type Closing, closing } from "../../wire/errors.ts"
import { type PacketList, RUN_OVERHEAD_BYTES } from "./shared-outbox.ts"

/** A session that keeps bytes for its channel. */
export interface Keeper {
  /** Bytes that it keeps by itself: parts of a message, and what its links have not handed to the network. */
  readonly ownBytes: number
  /** Lists of packets that it keeps alive. Others may keep the shared ones too. */
  lists(): Iterable<PacketList>
  /** Whether the channel has acknowledged anything since this was last asked. */
  hasTaken(): boolean
  /** Ends it, and lets go of all that. */
  makeRoom(why: Closing): void
}

/** Of two sessions that keep as much, one that has taken nothing since the last count goes first: it counts so many times. */
const STALLED_WEIGHT = 4
/** When too much is kept, so large a part of the bound is made free at once; sessions are not counted again for less. */
const FREED_PART = 1 / 16

export const TOO_MUCH = closing(
  "over-capacity",
  "the hub keeps too much for all sessions, and for this one more than for others",
)

/**
 * What a hub keeps for all of its sessions, held under a bound. A count goes over all sessions, so it is made rarely: whoever
 * makes the hub keep something says how much it can be at most, and only when all of that since the last count would pass
 * the bound is counted again. What is let go needs no word.
 */
export class KeptBytes {
  readonly #maxBytes: number
  readonly #keepers: () => Iterable<Keeper>
  /** How much may come until the next count. */
  #room: number
  #isJudging = false

  constructor(maxBytes: number, keepers: () => Iterable<Keeper>) {
    this.#maxBytes = maxBytes
    this.#keepers = keepers
    this.#room = maxBytes
  }

  /**
   * So many more bytes may be kept from now on. Ends sessions when that is too much for the hub, and answers whether there is
   * room now.
   */
  grow(bytes: number): boolean {
    this.#room -= bytes
    if (this.#room < 0 && !this.#isJudging) this.#judge(bytes)
    return this.#room >= 0
  }

  /** What is kept now, in bytes. What several sessions share counts once. */
  total(): number {
    const seen = new Set<PacketList>()
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

  /** `coming` is not kept yet and needs its room too. */
  #judge(coming: number): void {
    this.#isJudging = true
    // Listeners of sessions that end may say more, which counts from here on.
    this.#room = -coming
    const least = this.#maxBytes * FREED_PART
    let total = this.total()
    if (total + coming > this.#maxBytes - least / 4) {
      // Those who hold most go first. What is shared is free when the last of its holders has gone.
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

  /** The sessions that keep something, the one that is to go first in front. */
  #ranked(): { keeper: Keeper; lists: PacketList[]; bytes: number; weight: number }[] {
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
