import type { Link, LinkSink } from "../../../src/session/link.ts"
import type { Runtime } from "../../../src/session/runtime.ts"
import type { Seat, TransportRig, TransportSubject } from "../../../src/testing/laws.ts"
import type { Batch, Door } from "../../../src/transports/transport.ts"
import type { Closing } from "../../../src/wire/errors.ts"

/** The largest batch, in bytes, of the transport that is spoiled. */
export const MAX_BATCH_BYTES = 100_000

/**
 * One end as seen by the saboteur: the calls of its user (send, close) and the callbacks to its user (batch, closed,
 * writable).
 */
export type Half = Link & LinkSink

/** Returns the functions that a saboteur replaces at one end of a link. All others stay honest. */
export type Spoil = (tap: Tap) => Partial<Half>

/** What a saboteur changes in an honest transport. */
export interface Sabotage {
  readonly channel?: Spoil
  readonly hub?: Spoil
  readonly rig?: (world: World) => Partial<TransportRig>
}

/** Returns the same transport with the sabotage built in. */
export function spoil(honest: TransportSubject, sabotage: Sabotage): TransportSubject {
  return { ...honest, setup: async () => new World(await honest.setup(), sabotage).spoiled }
}

/** An honest rig with a saboteur around it, and what has happened on it. */
export class World {
  readonly rig: TransportRig
  /** All ends so far, in the order of the dials and the admissions. */
  readonly taps: Readonly<Record<Seat, Tap[]>> = { channel: [], hub: [] }
  vanished: Seat | undefined
  severed = false
  garbled = 0
  /** What the saboteur leaves behind, which `leftovers()` reports. */
  readonly litter: string[] = []
  /** What the saboteur keeps from one link for another. */
  readonly kept = new Map<string, Batch>()
  door: Door | undefined
  readonly #sabotage: Sabotage

  constructor(rig: TransportRig, sabotage: Sabotage) {
    this.rig = rig
    this.#sabotage = sabotage
  }

  get spoiled(): TransportRig {
    const { rig } = this
    return {
      ...rig,
      dialer: {
        ...rig.dialer,
        dial: (target, sink) => {
          const tap = this.#tap("channel", target.runtime, sink)
          tap.link = rig.dialer.dial(target, tap.callbacks)
          return tap.calls
        },
      },
      listen: (door) => {
        this.door = door
        const admit: Door["admit"] = (link, origin) => {
          const tap = this.#tap("hub", door.runtime)
          tap.link = link
          tap.user = door.admit(tap.calls, origin)
          return tap.callbacks
        }
        return rig.listen({ ...door, admit })
      },
      leftovers: () => [...rig.leftovers(), ...this.litter],
      vanish: (seat) => {
        this.vanished = seat
        return rig.vanish?.(seat)
      },
      sever: () => {
        this.severed = true
        return rig.sever?.()
      },
      garble: (toward) => {
        this.garbled++
        return rig.garble?.(toward)
      },
      ...this.#sabotage.rig?.(this),
    }
  }

  #tap(seat: Seat, runtime: Runtime, user?: LinkSink): Tap {
    const tap = new Tap(this, seat, this.taps[seat].length, runtime, user)
    this.taps[seat].push(tap)
    tap.spoiled = this.#sabotage[seat]?.(tap) ?? {}
    return tap
  }
}

/** Placeholder until an end has its link and its user. */
const NOBODY: Half = { name: "", bufferedBytes: 0, send() {}, close() {}, batch() {}, closed() {}, writable() {} }

/** One end of a link, and what has happened there. Batches are counted from 0, which is the hello or the welcome. */
export class Tap {
  readonly world: World
  readonly seat: Seat
  /** How many ends on this side were created before this one. */
  readonly number: number
  /** The runtime that counts the timers set on it; `world.rig.runtime` does not count them. */
  readonly runtime: Runtime
  readonly openedAt: number
  /** When a batch was last sent or heard. */
  busyAt: number
  /** Number of the last batch in each direction. */
  sent = -1
  heard = -1
  sentBytes = 0
  heardBytes = 0
  /** How many batches were sent at the same moment of the clock. */
  burst = 0
  /** The callback of the user that is running now. */
  inside: "batch" | "closed" | "writable" | undefined
  /** How the link ended here: the user closed it, or the transport told the user. */
  over: "closed" | "told" | undefined
  why: Closing | undefined
  /** The link of the honest transport. */
  link: Link = NOBODY
  user: LinkSink
  /** The saboteur's replacements for calls and callbacks. */
  spoiled: Partial<Half> = {}

  constructor(world: World, seat: Seat, number: number, runtime: Runtime, user: LinkSink = NOBODY) {
    this.world = world
    this.seat = seat
    this.number = number
    this.runtime = runtime
    this.user = user
    this.openedAt = this.busyAt = this.now
  }

  get now(): number {
    return this.world.rig.runtime.now()
  }

  /** The other end of the same link. Correct only while every dial is admitted. */
  get other(): Tap | undefined {
    return this.world.taps[this.seat === "hub" ? "channel" : "hub"][this.number]
  }

  /** The link that was dialed before this one. */
  get previous(): Tap | undefined {
    return this.world.taps[this.seat][this.number - 1]
  }

  /** Runs an action after `delayMs`, or at the end of the tick. The timer does not count as one of the transport. */
  later(run: () => void, delayMs?: number): void {
    const { runtime } = this.world.rig
    if (delayMs === undefined) runtime.soon(run)
    else runtime.after(delayMs, run)
  }

  /** The link that the user is given. */
  get calls(): Link {
    const tap = this
    return {
      get name() {
        return tap.spoiled.name ?? tap.link.name
      },
      get bufferedBytes() {
        return tap.spoiled.bufferedBytes ?? tap.link.bufferedBytes
      },
      send(batch) {
        tap.burst = tap.now === tap.busyAt ? tap.burst + 1 : 1
        tap.sent++
        tap.sentBytes += batch.length
        const { send = (own: Batch) => tap.link.send(own) } = tap.spoiled
        send(batch)
        tap.busyAt = tap.now
      },
      close(why) {
        const { close = (own: Closing) => tap.link.close(own) } = tap.spoiled
        close(why)
        tap.over ??= "closed"
      },
    }
  }

  /** The sink that the honest transport is given. */
  get callbacks(): LinkSink {
    return {
      batch: (batch) => (this.spoiled.batch ?? this.tell.batch)(batch),
      closed: (why) => (this.spoiled.closed ?? this.tell.closed)(why),
      writable: () => (this.spoiled.writable ?? this.tell.writable)(),
    }
  }

  /** Calls the user's callbacks. */
  readonly tell: LinkSink = {
    batch: (batch) => {
      this.heard++
      this.heardBytes += batch.length
      this.busyAt = this.now
      this.#inside("batch", () => this.user.batch(batch))
    },
    closed: (why) => {
      this.over ??= "told"
      this.why = why
      this.#inside("closed", () => this.user.closed(why))
    },
    writable: () => this.#inside("writable", () => this.user.writable()),
  }

  #inside(what: "batch" | "closed" | "writable", run: () => void): void {
    const outer = this.inside
    this.inside = what
    run()
    this.inside = outer
  }
}
