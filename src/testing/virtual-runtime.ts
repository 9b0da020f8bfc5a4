import type { Runtime } from "../session/runtime.ts"
import { createRandom } from "./random.ts"
import { type Timer, TimerQueue } from "./timer-queue.ts"

/** Options of a virtual runtime. */
export interface VirtualRuntimeOptions {
  /** Seed of the random numbers. The same seed gives the same run. Default 1. */
  readonly seed?: number
  /** The clock's first time, in milliseconds since the epoch. Default 2026-01-01T00:00Z. */
  readonly now?: number
}

/** One machine of a virtual world. Time passes on all of them alike; each has its own timers and errors. */
export interface Machine extends Runtime {
  /** Number of timers that are armed on this machine. */
  pending(): number
  /** The errors that were given to `report`, oldest first. */
  readonly reported: readonly unknown[]
  /** The messages that were given to `warn`, oldest first. */
  readonly warned: readonly string[]
  /** Stops all callbacks of this machine, as in a frozen tab or a closed laptop. The clock and other machines go on. */
  sleep(): void
  /** Ends a sleep. The callbacks that became due meanwhile run at the end of the tick, in order. */
  wake(): void
  /** Stops this machine for good, as a power loss does: its timers are dropped and none of its callbacks runs again. */
  halt(): void
  /** Whether `halt` was called. */
  readonly halted: boolean
  /** Whether it sleeps. */
  readonly asleep: boolean
}

/**
 * A runtime whose clock moves only when a test moves it, and whose random numbers come from a seed. Pass it to
 * `createChannel` and `createHub`: a test of a whole day then takes a moment and runs the same way each time. Due
 * callbacks run inside `advance`, `runUntil` and `drain`. An application that awaits promises needs `pass` and
 * `passUntil` instead, which also let promises settle while virtual time stands still.
 *
 * @example
 * const runtime = createVirtualRuntime({ seed: 7 })
 * runtime.after(60_000, () => console.log("a minute later"))
 * runtime.advance(60_000)
 */
export interface VirtualRuntime extends Machine {
  /** Moves the clock forward by `ms` milliseconds. Each callback that becomes due runs at its own moment. */
  advance(ms: number): void
  /**
   * Moves the clock forward until `holds` returns `true`, for at most `limitMs` milliseconds. `holds` is called after
   * every timer. Returns `false` when the limit was reached first.
   */
  runUntil(holds: () => boolean, limitMs: number): boolean
  /** As `advance`, but after every timer it lets promises settle that wait for no timer, before the clock moves on. */
  pass(ms: number): Promise<void>
  /** As `runUntil`, and lets promises settle as `pass` does. */
  passUntil(holds: () => boolean, limitMs: number): Promise<boolean>
  /** Ends the tick: runs the callbacks that were given to `soon`, but no timer. */
  drain(): void
  /**
   * Moves the clock by `ms` milliseconds without running a timer, as if all machines had slept. Overdue timers run in
   * the next `advance`.
   */
  jump(ms: number): void
  /** Number of timers that are armed on all machines together. */
  pending(): number
  /**
   * Adds a machine with separate timers, which can sleep, wake and halt independently of the others.
   *
   * @param aheadMs how far its clock is ahead of this one, in milliseconds; below 0: behind. Default 0.
   */
  machine(aheadMs?: number): Machine
}

/** Makes a virtual runtime. */
export function createVirtualRuntime({
  seed = 1,
  now = Date.UTC(2026, 0, 1),
}: VirtualRuntimeOptions = {}): VirtualRuntime {
  return new VirtualWorld(seed, now)
}

/** More callbacks than this at one moment of the clock are taken for an endless loop and throw. */
const LOOP = 100_000

/** Microtask turns that `pass` waits between timers: an application may await settled promises this often in a row. */
const TURNS = 12
const SETTLED = Promise.resolve()

/** The state that all machines share. */
interface World {
  readonly timers: TimerQueue
  /** Callbacks of `soon`, in order. They run before any timer. */
  readonly ticks: (() => void)[]
  readonly random: () => number
  now: number
  /** Number of timers armed so far. Orders timers that are due at the same moment. */
  armed: number
  /** Number of ids given out so far. */
  ids: number
}

type Condition =
  | { readonly is: "awake" }
  /** `due`: callbacks that became due during the sleep. */
  | { readonly is: "asleep"; readonly due: (() => void)[] }
  | { readonly is: "halted" }

class VirtualMachine implements Machine {
  readonly reported: unknown[] = []
  readonly warned: string[] = []
  protected readonly world: World
  #condition: Condition = { is: "awake" }
  /** Armed timers, so that `halt` can cancel them. */
  readonly #armed = new Set<Timer>()
  /** How far this clock is ahead of the world's, in milliseconds. */
  readonly #aheadMs: number

  constructor(world: World, aheadMs = 0) {
    this.world = world
    this.#aheadMs = aheadMs
  }

  // These are properties, not methods, so that they work without `this`: `const { now } = runtime` is allowed.

  readonly now = (): number => this.world.now + this.#aheadMs

  readonly after = (delayMs: number, run: () => void): (() => void) => {
    if (Number.isNaN(delayMs)) throw new TypeError("after(NaN): a delay is a number of milliseconds")
    const timer: Timer = { at: this.world.now + Math.max(0, delayMs), order: this.world.armed++, run: undefined }
    if (this.#condition.is === "halted") return () => {}
    const fire = (): void => {
      this.#armed.delete(timer)
      timer.run = undefined
      run()
    }
    timer.run = () => this.#do(() => timer.run && fire())
    this.#armed.add(timer)
    this.world.timers.push(timer)
    return () => {
      this.#armed.delete(timer)
      timer.run = undefined
    }
  }

  readonly soon = (run: () => void): void => {
    // Behind what has become due during the sleep, even if the machine wakes in this tick.
    if (this.#condition.is === "asleep") this.#condition.due.push(run)
    else if (this.#condition.is === "awake") this.world.ticks.push(() => this.#do(run))
  }

  readonly random = (): number => this.world.random()

  readonly id = (): string => `virtual-id-${String(++this.world.ids).padStart(11, "0")}`

  readonly report = (error: unknown): void => void this.reported.push(error)

  readonly warn = (message: string): void => void this.warned.push(message)

  get halted(): boolean {
    return this.#condition.is === "halted"
  }

  get asleep(): boolean {
    return this.#condition.is === "asleep"
  }

  pending(): number {
    return this.#armed.size
  }

  sleep(): void {
    if (this.#condition.is === "awake") this.#condition = { is: "asleep", due: [] }
  }

  wake(): void {
    if (this.#condition.is !== "asleep") return
    const { due } = this.#condition
    this.#condition = { is: "awake" }
    for (const run of due) this.soon(run)
  }

  halt(): void {
    this.#condition = { is: "halted" }
    for (const timer of this.#armed) timer.run = undefined
    this.#armed.clear()
  }

  #do(run: () => void): void {
    if (this.#condition.is === "awake") run()
    else if (this.#condition.is === "asleep") this.#condition.due.push(run)
  }
}

class VirtualWorld extends VirtualMachine implements VirtualRuntime {
  readonly #machines: Machine[] = []
  /** Whether the clock is being moved. Moving it again from inside a callback is an error. */
  #running = false
  /** Number of timers that have run one after another at the same moment. */
  #atOnce = 0

  constructor(seed: number, now: number) {
    super({ timers: new TimerQueue(), ticks: [], random: createRandom(seed), now, armed: 0, ids: 0 })
  }

  advance(ms: number): void {
    this.#run(this.now() + ms, () => false)
  }

  runUntil(holds: () => boolean, limitMs: number): boolean {
    return this.#run(this.now() + limitMs, holds)
  }

  async pass(ms: number): Promise<void> {
    await this.#pass(this.now() + ms, () => false)
  }

  passUntil(holds: () => boolean, limitMs: number): Promise<boolean> {
    return this.#pass(this.now() + limitMs, holds)
  }

  drain(): void {
    this.#exclusively(() => this.#drain())
  }

  jump(ms: number): void {
    this.world.now += ms
  }

  override pending(): number {
    return this.#machines.reduce((sum, machine) => sum + machine.pending(), super.pending())
  }

  machine(aheadMs = 0): Machine {
    const machine = new VirtualMachine(this.world, aheadMs)
    this.#machines.push(machine)
    return machine
  }

  #run(until: number, holds: () => boolean): boolean {
    return this.#exclusively(() => {
      this.#drain()
      while (!holds()) {
        if (!this.#next(until)) return false
        this.#drain()
      }
      return true
    })
  }

  async #pass(until: number, holds: () => boolean): Promise<boolean> {
    this.#enter()
    try {
      for (;;) {
        do {
          this.#drain()
          for (let turn = 0; turn < TURNS; turn++) await SETTLED
        } while (this.world.ticks.length > 0)
        if (holds()) return true
        if (!this.#next(until)) return false
      }
    } finally {
      this.#running = false
    }
  }

  /** Runs the first timer that is due by `until`. Without one, it moves the clock to `until` and returns `false`. */
  #next(until: number): boolean {
    const { world } = this
    const timer = world.timers.takeDue(until)
    if (timer === undefined) {
      world.now = Math.max(world.now, until)
      return false
    }
    this.#atOnce = timer.at > world.now ? 0 : this.#atOnce + 1
    if (this.#atOnce > LOOP) throw new Error("timers without end at one moment of the virtual clock")
    world.now = Math.max(world.now, timer.at)
    timer.run?.()
    return true
  }

  #drain(): void {
    const { ticks } = this.world
    let done = 0
    try {
      while (done < ticks.length) {
        if (done > LOOP) throw new Error("soon() without end at one moment of the virtual clock")
        ticks[done++]?.()
      }
    } finally {
      ticks.splice(0, done)
    }
  }

  #exclusively<Result>(run: () => Result): Result {
    this.#enter()
    try {
      return run()
    } finally {
      this.#running = false
    }
  }

  #enter(): void {
    if (this.#running) throw new Error("time cannot be moved from inside a callback of the virtual clock")
    this.#running = true
  }
}
