import { Broken } from "./failure.ts"

/** A message to all peers of a cluster, or to those in a room. `pad` gives it its size. */
export type Call = readonly [n: number, room: string | null, pad: string]

/** The rooms of a simulated cluster. */
export const ROOMS = ["attic", "cellar"] as const

/** A call of another process that has not come after so long, in milliseconds, is not on its way any more. */
export const COME_MS = 2_000

interface Told {
  /** Id of the hub that sent it. */
  readonly from: string
  readonly room: string | null
  /** Its size, in bytes. */
  readonly size: number
  readonly at: number
}

/**
 * Checks calls, which are messages to peers of several processes: that nobody hears one twice, that those of one process
 * are heard in the order in which it sent them, and that only members of a room hear what is sent to it. A call must reach
 * the peers of its own process. Those of other processes may miss it when there are faults.
 */
export class Calls {
  readonly #told: Told[] = []
  /** By peer and sender: the last call that was heard. */
  readonly #last = new Map<string, number>()
  /** By peer: the calls that it must still hear. */
  readonly #owed = new Map<string, Set<number>>()
  /** By peer: the calls of other processes that it must hear if no fault follows. */
  readonly #expected = new Map<string, Set<number>>()
  /** By peer and room: when it left the room; undefined while it is in. */
  readonly #left = new Map<string, number | undefined>()

  /** Draws up a call. `to`: the ids of the peers that must hear it. */
  call(from: string, room: string | null, pad: string, at: number, to: Iterable<string>): Call {
    const n = this.#told.length
    this.#told.push({ from, room, size: pad.length, at })
    for (const peer of to) {
      const owed = this.#owed.get(peer) ?? new Set()
      this.#owed.set(peer, owed.add(n))
    }
    return [n, room, pad]
  }

  /** This peer of another process is to hear the call. */
  expect(peer: string, [n]: Call): void {
    const expected = this.#expected.get(peer) ?? new Set()
    this.#expected.set(peer, expected.add(n))
  }

  /** A fault may be why calls from after this moment do not reach other processes. */
  excuse(at: number): void {
    for (const expected of this.#expected.values()) {
      for (const n of expected) if ((this.#told[n]?.at ?? 0) >= at) expected.delete(n)
    }
  }

  /** What its own process sent to this peer from this moment on may not come. */
  mayMiss(peer: string, from: number): void {
    const owed = this.#owed.get(peer)
    for (const n of owed ?? []) if ((this.#told[n]?.at ?? 0) >= from) owed?.delete(n)
  }

  /** Whether this peer was in the room at this moment, or has joined it since. */
  everIn(peer: string, room: string, at: number): boolean {
    const leftAt = this.#left.get(`${peer} ${room}`)
    return this.#left.has(`${peer} ${room}`) && (leftAt === undefined || leftAt >= at)
  }

  /** The sizes of the calls that were made since this moment, in bytes. */
  since(at: number): readonly number[] {
    return this.#told.filter((told) => told.at >= at).map(({ size }) => size)
  }

  joined(peer: string, room: string): void {
    this.#left.set(`${peer} ${room}`, undefined)
  }

  left(peer: string, room: string, at: number): void {
    if (!this.#left.has(`${peer} ${room}`)) return
    this.#left.set(`${peer} ${room}`, at)
    // A call of another process may have been on its way.
    const expected = this.#expected.get(peer)
    for (const n of expected ?? []) {
      const told = this.#told[n]
      if (told?.room === room && told.at >= at - COME_MS) expected?.delete(n)
    }
  }

  heard(peer: string, [n, room]: Call): void {
    const told = this.#told[n]
    if (told === undefined || told.room !== room) throw new Broken("calls", `${peer} heard the call ${n} to ${room}`)
    const key = `${peer} ${told.from}`
    const last = this.#last.get(key) ?? -1
    if (n === last) throw new Broken("calls", `${peer} heard the call ${n} twice`)
    if (n < last) throw new Broken("calls", `${peer} heard the call ${n} after ${last} of the same process`)
    this.#last.set(key, n)
    for (const due of [this.#owed, this.#expected]) due.get(peer)?.delete(n)
    if (room === null) return
    const place = `${peer} ${room}`
    if (!this.#left.has(place)) throw new Broken("calls", `${peer} heard the call ${n} and was never in ${room}`)
    const leftAt = this.#left.get(place)
    if (leftAt !== undefined && leftAt < told.at) {
      throw new Broken("calls", `${peer} had left ${room} when the call ${n} was made, and heard it`)
    }
  }

  /** What this peer has still to hear, in words. */
  missing(peer: string): string | undefined {
    const owed = [...(this.#owed.get(peer) ?? []), ...(this.#expected.get(peer) ?? [])]
    return owed.length === 0 ? undefined : `the calls ${owed.join(" ")} were not heard by ${peer}`
  }
}
