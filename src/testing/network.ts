import type { Runtime } from "../session/runtime.ts"
import type { Acceptor, Batch, Dialer, Door } from "../transports/transport.ts"
import { type Closing, closing } from "../wire/errors.ts"
import { type Carried, type Limits, Line } from "./line.ts"
import type { Cargo } from "./pipe.ts"
import { Trace } from "./trace.ts"
import type { Machine } from "./virtual-runtime.ts"
import { type Direction, Wire, type WireHost } from "./wire.ts"

/** Options of an in-memory network. */
export interface NetworkOptions {
  /** The clock that it lives by. */
  readonly runtime: Runtime
  /** One-way delay in milliseconds. Default 10. */
  readonly latencyMs?: number
  /** What chance may add to it, in milliseconds. The order on each link stays. Default 0. */
  readonly jitterMs?: number
  /** How many bytes each direction of a link takes before they pile up at the sender, where there is no rate. Default 65 536. */
  readonly windowBytes?: number
  /** How fast it carries, and how much stands in its line. Default without limits. */
  readonly limits?: Limits | undefined
  /** Remote address that acceptors see. Default none. */
  readonly address?: string
  /**
   * Whether chance spreads dials over all hubs that listen, as a balancer without stickiness does. Default `false`: the
   * one that opened last is reached.
   */
  readonly balanced?: boolean
}

/**
 * A network without sockets. Its transports go by any name; hand their halves to `createChannel` and `createHub` as you
 * would your own. What can go wrong on the way to a hub goes wrong here when told, for one link (see {@link Wire}), for one
 * transport or for everything.
 *
 * @example
 * const runtime = createVirtualRuntime()
 * const network = createNetwork({ runtime })
 * const hub = createHub({ runtime, transports: [network.acceptor("websocket")] })
 * const channel = createChannel("http://hub", { runtime, transports: [network.dialer("websocket")] })
 * runtime.advance(1_000) // open
 * network.cut()
 * network.block("websocket")
 */
export interface Network {
  /** The client half of a transport. `streamed`: something on the way may hold it back after the first batch. */
  dialer(name: string, traits?: { readonly streamed?: boolean }): Dialer
  /** The server half. Of several hubs that listen, {@link NetworkOptions.balanced} says which is reached. */
  acceptor(name: string): Acceptor
  /** Every link that has an end still open, oldest first. */
  readonly wires: readonly Wire[]
  /** What crossed and what happened, line by line. */
  readonly trace: string
  /** Adds a line to the trace. */
  remark(who: string, text: string): void
  /** Changes how long everything takes from now on. */
  delay(latencyMs: number, jitterMs?: number): void
  /**
   * Changes how fast it carries from now on, for what is under way too. Without limits it carries everything at once. All
   * links share one line in each direction: a dial, an end and every batch stand behind what was sent before by any link,
   * and what a broken link has left in the line takes its time there. A batch is heard when all of it has come.
   */
  limit(limits?: Limits): void
  /** How many dials there were. */
  readonly dials: number
  /** What has passed in each direction, of links that broke meanwhile too. */
  readonly carried: Readonly<Record<Direction, Carried>>
  /** How many bytes stand in the line of each direction. */
  readonly queuedBytes: Readonly<Record<Direction, number>>
  /** Cuts every link, or those of one transport: both ends are told. */
  cut(name?: string): void
  /**
   * The process that listens dies: its links are cut, and dials are refused until a hub opens acceptors again. What the
   * hub itself would still do is stopped by `halt` of its machine. Where several hubs listen, only the one on this machine
   * dies, if one is given.
   */
  crash(machine?: Machine): void
  /** Nothing arrives anywhere until `thaw`; nothing is lost. */
  freeze(): void
  thaw(): void
  /** Dials of this transport are refused, or every dial. Links that are open stay so. */
  block(name?: string): void
  /** Dials of this transport are not answered until `unblock`. */
  blackHole(name: string): void
  /** Of each link of this transport only so many batches come down (default 1; 0 is a mute one), until `unblock`. */
  holdBack(name: string, passing?: number): void
  /** Links of this transport are cut when idle for so long. */
  cutIdle(name: string, afterMs: number): void
  /** Takes away whatever is in the way of this transport. What was held goes on. */
  unblock(name: string): void
  /** Takes away whatever is in the way of anything. Links that broke stay broken. */
  heal(): void
}

/** Makes a network. Two networks share nothing. */
export function createNetwork(options: NetworkOptions): Network {
  return new MemoryNetwork(options)
}

/** What is in the way of a transport. */
interface Obstacles {
  readonly dials: "pass" | "refused" | "held"
  /** How many batches of a link come down. */
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
  /** Those that listen, by transport, in the order they opened. */
  readonly #doors = new Map<string, Door[]>()
  readonly #obstacles = new Map<string, Obstacles>()
  readonly #wires = new Set<Wire>()
  /** Of the transports that there are. */
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

  // — for the wires —

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
