import type { Link, LinkSink } from "../../../src/session/link.ts"
import type { Runtime } from "../../../src/session/runtime.ts"
import type { Seat, TransportRig, TransportSubject } from "../../../src/testing/laws.ts"
import type { Batch, Door } from "../../../src/transports/transport.ts"
import type { Closing } from "../../../src/wire/errors.ts"

/** The largest batch of the transport that is spoiled. */
export const MAX_BATCH_BYTES = 100_000

/** What stands at one end between the honest transport and whoever uses it: calls go out through it, callbacks come in. */
export type Half = Link & LinkSink

/** Makes what a saboteur puts at an end of a link. What it leaves out stays honest. */
export type Spoil = (tap: Tap) => Partial<Half>

/** What a saboteur does to an honest transport. */
export interface Sabotage {
  readonly channel?: Spoil
  readonly hub?: Spoil
  readonly rig?: (world: World) => Partial<TransportRig>
}

/** The same transport, spoiled. */
export function spoil(honest: TransportSubject, sabotage: Sabotage): TransportSubject {
  return { ...honest, setup: async () => new World(await honest.setup(), sabotage).spoiled }
}

/** An honest rig in the hands of a saboteur, and what he has seen of it. */
export class World {
  readonly rig: TransportRig
  /** Every end so far, in the order of dials and of admissions. */
  readonly taps: Readonly<Record<Seat, Tap[]>> = { channel: [], hub: [] }
  vanished: Seat | undefined
  severed = false
  garbled = 0
  /** What the saboteur leaves lying about. */
  readonly litter: string[] = []
  /** What the saboteur remembers from one link to another. */
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

/** Stands in until an end has its link and its user. */
const NOBODY: Half = { name: "", bufferedBytes: 0, send() {}, close() {}, batch() {}, closed() {}, writable() {} }

/** One end of a link, and what has happened there. Batches are counted from 0, which is the hello or the welcome. */
export class Tap {
  readonly world: World
  readonly seat: Seat
  /** How many ends of this seat there were before. */
  readonly number: number
  /** Counts the timers that are started on it; `world.rig.runtime` does not. */
  readonly runtime: Runtime
  readonly openedAt: number
  /** When anything was last sent or heard. */
  busyAt: number
  /** Number of the last batch. */
  sent = -1
  heard = -1
  sentBytes = 0
  heardBytes = 0
  /** How many batches were sent at this moment of the clock. */
  burst = 0
  /** The callback that the user is in. */
  inside: "batch" | "closed" | "writable" | undefined
  /** How the link ended here: the user closed it, or was told. */
  over: "closed" | "told" | undefined
  why: Closing | undefined
  /** The honest link. */
  link: Link = NOBODY
  user: LinkSink
  /** What the saboteur has put in the way of calls and callbacks. */
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

  /** The end of the same link at the other side. True as long as every dial came to be admitted. */
  get other(): Tap | undefined {
    return this.world.taps[this.seat === "hub" ? "channel" : "hub"][this.number]
  }

  /** The link that was dialed before this one. */
  get previous(): Tap | undefined {
    return this.world.taps[this.seat][this.number - 1]
  }

  /** Does it in so many milliseconds, or at the end of the tick. No timer of the transport is seen. */
  later(run: () => void, delayMs?: number): void {
    const { runtime } = this.world.rig
    if (delayMs === undefined) runtime.soon(run)
    else runtime.after(delayMs, run)
  }

  /** What the user holds. */
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

  /** What the honest transport holds. */
  get callbacks(): LinkSink {
    return {
      batch: (batch) => (this.spoiled.batch ?? this.tell.batch)(batch),
      closed: (why) => (this.spoiled.closed ?? this.tell.closed)(why),
      writable: () => (this.spoiled.writable ?? this.tell.writable)(),
    }
  }

  /** Tells the user. */
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
