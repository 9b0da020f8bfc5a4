import type { Clockwork } from "../session/clockwork.ts"

/** Processes with fewer members of a room do not tell: what they send is little. */
const TELL_FROM = 100
/** How long a process relies on what another one has told, and after what time it is told again, in milliseconds. */
const HOLD_MS = 1_000
/** Most rooms that are remembered. */
const MAX_ROOMS = 4_096

interface Told {
  readonly count: number
  readonly at: number
}

/**
 * How many peers a message reaches in another process, so that the limit on what one peer may make the hubs send holds for
 * rooms whose members are elsewhere. A process tells those that send to large rooms of its peers, once in a second.
 */
export class Reach {
  readonly #clockwork: Clockwork
  /** The most that another process told, by room; "" and a space before a name, "" for all peers. */
  readonly #heard = new Map<string, Told>()
  /** When whom was told of which rooms. */
  readonly #told = new Map<string, number>()

  constructor(clockwork: Clockwork) {
    this.#clockwork = clockwork
  }

  /** About to how many peers of the process with most of them a message goes, one at least for the publish itself. */
  costOf(rooms: readonly string[] | undefined): number {
    if (this.#heard.size === 0) return 1
    let cost = 1
    for (const key of keysOf(rooms)) {
      const told = this.#heard.get(key)
      if (told !== undefined && this.#clockwork.now() - told.at <= 2 * HOLD_MS) cost += told.count
    }
    return cost
  }

  /** Another process has told that so many peers of it got a message. */
  heard(room: string | undefined, count: number): void {
    const key = keyOf(room)
    const at = this.#clockwork.now()
    const before = this.#heard.get(key)
    if (before !== undefined && at - before.at <= HOLD_MS && before.count > count) return
    trim(this.#heard)
    this.#heard.set(key, { count, at })
  }

  /** The rooms of which the sender of a message that went to so many peers has to be told. */
  toTell(from: string, rooms: readonly string[] | undefined, count: number): readonly (string | undefined)[] {
    if (count < TELL_FROM) return []
    const [room] = rooms ?? [undefined]
    // That it were all members of the first of several rooms is near enough for a limit.
    const key = `${from} ${keyOf(room)}`
    const at = this.#clockwork.now()
    const before = this.#told.get(key)
    if (before !== undefined && at - before < HOLD_MS) return []
    trim(this.#told)
    this.#told.set(key, at)
    return [room]
  }
}

function keysOf(rooms: readonly string[] | undefined): readonly string[] {
  return rooms === undefined ? [keyOf(undefined)] : rooms.map(keyOf)
}

function keyOf(room: string | undefined): string {
  return room === undefined ? "" : ` ${room}`
}

/** Makes room for one more: the oldest goes. */
function trim(map: Map<string, unknown>): void {
  const [oldest] = map.keys()
  if (map.size >= MAX_ROOMS && oldest !== undefined) map.delete(oldest)
}
