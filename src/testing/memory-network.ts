import type { Runtime } from "../session/runtime.ts"
import type { Acceptor, Batch, Dialer, Door } from "../transports/transport.ts"
import { type Closing, closing } from "../wire/errors.ts"
import { type Carried, type Limits, Line } from "./line.ts"
import type { Network, NetworkOptions } from "./network.ts"
import type { Cargo } from "./pipe.ts"
import { Trace } from "./trace.ts"
import type { Machine } from "./virtual-runtime.ts"
import { type Direction, Wire, type WireHost } from "./wire.ts"

/**
 * Makes a network. Two networks share nothing.
 *
 * @throws RangeError when a limit is not a number above 0.
 */
export function createNetwork(options: NetworkOptions): Network {
  return new MemoryNetwork(options)
}

/** The obstacles that a test has set for one transport. */
interface Obstacles {
  readonly dials: "pass" | "refused" | "held"
  /** Number of batches of each link that come down before the rest is held back. */
  readonly passing: number
  readonly idleMs: number | undefined
}

const CLEAR: Obstacles = { dials: "pass", passing: Number.POSITIVE_INFINITY, idleMs: undefined }

class MemoryNetwork implements Network, WireHost {
  readonly windowBytes: number
  readonly lines: Readonly<Record<Direction, Line>>
  readonly #carried = { up: { bytes: 0, batches: 0 }, down: { bytes: 0, batches: 0 } }
  readonly #runtime: Runtime
  readonly #address: string | undefined
  readonly #balanced: boolean
  readonly #trace: Trace
  /** The doors of the listening hubs, by transport, in the order in which they opened. */
  readonly #doors = new Map<string, Door[]>()
  readonly #obstacles = new Map<string, Obstacles>()
  readonly #wires = new Set<Wire>()
  /** Names of all transports that have a dialer. */
  readonly #names = new Set<string>()
  #dialed = 0
  #latencyMs: number
  #jitterMs: number
  #frozen = false

  constructor(options: NetworkOptions) {
    const { runtime, latencyMs = 10, jitterMs = 0, windowBytes = 65_536, limits, address, balanced = false } = options
    this.#runtime = runtime
    this.#balanced = balanced
    this.#latencyMs = latencyMs
    this.#jitterMs = jitterMs
    this.windowBytes = windowBytes
    this.#address = address
    this.#trace = new Trace(runtime.now())
    const createLine = (): Line =>
      new Line(
        () => this.now(),
        (delayMs, run) => this.after(delayMs, run),
      )
    this.lines = { up: createLine(), down: createLine() }
    this.limit(limits)
  }

  get wires(): readonly Wire[] {
    return [...this.#wires]
  }
  get dials(): number {
    return this.#dialed
  }
  get carried(): Readonly<Record<Direction, Carried>> {
    const { up, down } = this.#carried
    return { up: { ...up }, down: { ...down } }
  }
  get queuedBytes(): Readonly<Record<Direction, number>> {
    return { up: this.lines.up.queuedBytes, down: this.lines.down.queuedBytes }
  }
  get trace(): string {
    return this.#trace.toString()
  }

  remark(who: string, text: string): void {
    this.#trace.note(this.now(), who, text)
  }

  dialer(name: string, { streamed = false }: { readonly streamed?: boolean } = {}): Dialer {
    this.#names.add(name)
    return {
      name,
      streamed,
      supported: () => true,
      dial: ({ runtime }, sink) => {
        const wire = new Wire(this, name, ++this.#dialed, runtime, sink)
        this.note(wire, "dialed")
        this.#wires.add(wire)
        wire.cutIdle(this.#inTheWayOf(name).idleMs)
        return wire.dialer
      },
    }
  }

  acceptor(name: string): Acceptor {
    return {
      name,
      open: (door) => {
        this.#doors.set(name, [...(this.#doors.get(name) ?? []), door])
        return { close: () => this.#shut(name, (open) => open === door) }
      },
    }
  }

  delay(latencyMs: number, jitterMs = 0): void {
    this.#latencyMs = latencyMs
    this.#jitterMs = jitterMs
  }

  limit(limits: Limits = {}): void {
    const { upBytesPerSecond, downBytesPerSecond, queueBytes } = limits
    const queue = limitOf("queueBytes", queueBytes)
    this.lines.up.limit(limitOf("upBytesPerSecond", upBytesPerSecond), queue)
    this.lines.down.limit(limitOf("downBytesPerSecond", downBytesPerSecond), queue)
  }

  cut(name?: string): void {
    for (const wire of this.wires) if (name === undefined || wire.name === name) wire.cut()
  }

  crash(machine?: Machine): void {
    this.remark("network", "crash")
    const dies = (runtime: Runtime): boolean => machine === undefined || runtime === machine
    for (const name of this.#doors.keys()) this.#shut(name, ({ runtime }) => dies(runtime))
    for (const wire of this.wires)
      if (wire.acceptedBy === undefined ? machine === undefined : dies(wire.acceptedBy)) wire.cut()
  }

  freeze(): void {
    this.remark("network", "freeze")
    this.#frozen = true
  }

  thaw(): void {
    this.remark("network", "thaw")
    this.#frozen = false
    this.#pump()
  }

  block(name?: string): void {
    for (const each of name === undefined ? this.#names : [name]) this.#obstruct(each, { dials: "refused" }, "block")
  }

  blackHole(name: string): void {
    this.#obstruct(name, { dials: "held" }, "black hole")
  }

  holdBack(name: string, passing = 1): void {
    this.#obstruct(name, { passing }, `hold back after ${passing}`)
  }

  cutIdle(name: string, afterMs: number): void {
    this.#obstruct(name, { idleMs: afterMs }, `cut when idle for ${afterMs} ms`)
    for (const wire of this.#wires) if (wire.name === name) wire.cutIdle(afterMs)
  }

  unblock(name: string): void {
    this.#obstruct(name, CLEAR, "unblock")
    for (const wire of this.#wires) if (wire.name === name) wire.cutIdle(undefined)
    this.#pump()
  }

  heal(): void {
    for (const name of this.#obstacles.keys()) this.unblock(name)
    for (const wire of this.#wires) wire.thaw()
    this.thaw()
  }

  // — called by the wires —

  now(): number {
    return this.#runtime.now()
  }

  after(delayMs: number, run: () => void): () => void {
    return this.#runtime.after(delayMs, run)
  }

  transitMs(): number {
    const jitterMs = this.#jitterMs > 0 ? this.#runtime.random() * this.#jitterMs : 0
    return this.#latencyMs + Math.floor(jitterMs)
  }

  holds(wire: Wire, direction: Direction, cargo: Cargo): boolean {
    if (this.#frozen) return true
    const { dials, passing } = this.#inTheWayOf(wire.name)
    if (cargo.what === "dial") return dials === "held"
    return direction === "down" && wire.acceptor !== undefined && wire.arrivedDown >= passing
  }

  accept(wire: Wire): void {
    const { dials } = this.#inTheWayOf(wire.name)
    const door = this.#reached(wire.name)
    if (dials === "refused") return this.#refuse(wire, closing("refused", "something in the way refused the dial"))
    if (door === undefined) return this.#refuse(wire, closing("network", "nobody listens there"))
    const link = wire.accepted(door.runtime)
    link.open(() => door.admit(link, { transport: wire.name, address: this.#address, header: () => undefined }))
  }

  note(wire: Wire, text: string, batch?: Batch): void {
    const who = `${wire.name}#${wire.number}`
    this.#trace.note(this.now(), batch === undefined ? who : `${who} ${text}`, batch ?? text)
  }

  passed(direction: Direction, cargo: Cargo, bytes: number, last: boolean): void {
    const carried = this.#carried[direction]
    carried.bytes += bytes
    if (last && cargo.what === "batch") carried.batches++
  }

  over(wire: Wire): void {
    this.#wires.delete(wire)
  }

  #reached(name: string): Door | undefined {
    const doors = this.#doors.get(name) ?? []
    if (!this.#balanced || doors.length < 2) return doors.at(-1)
    return doors[Math.floor(this.#runtime.random() * doors.length)]
  }

  #shut(name: string, which: (door: Door) => boolean): void {
    const left = (this.#doors.get(name) ?? []).filter((door) => !which(door))
    this.#doors.set(name, left)
  }

  #refuse(wire: Wire, why: Closing): void {
    this.note(wire, why.reason)
    wire.refuse(why)
  }

  #obstruct(name: string, obstacles: Partial<Obstacles>, text: string): void {
    this.remark(name, text)
    this.#obstacles.set(name, { ...this.#inTheWayOf(name), ...obstacles })
  }

  #inTheWayOf(name: string): Obstacles {
    return this.#obstacles.get(name) ?? CLEAR
  }

  #pump(): void {
    for (const wire of this.#wires) wire.pump()
  }
}

function limitOf(name: string, value: number = Number.POSITIVE_INFINITY): number {
  if (value > 0) return value
  throw new RangeError(`${name}: ${value}, a limit is a number above 0; leave it out where there is none`)
}
