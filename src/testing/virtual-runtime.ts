import type { Runtime } from "../session/runtime.ts"
import { createRandom } from "./random.ts"
import { type Timer, TimerQueue } from "./timer-queue.ts"

/** Options of a virtual runtime. */
export interface VirtualRuntimeOptions {
  /** Every chance is drawn from it: the same seed gives the same history. Default 1. */
  readonly seed?: number
  /** What the clock shows at first, in milliseconds since the epoch. Default the beginning of 2026. */
  readonly now?: number
}

/** One machine of a virtual world. It shares the clock with the others; its timers and errors are its own. */
export interface Machine extends Runtime {
  /** How many timers are armed here. */
  pending(): number
  /** What `report` was given. */
  readonly reported: readonly unknown[]
  /** What `warn` was given. */
  readonly warned: readonly string[]
  /** Stops everything here, as a frozen tab or a closed laptop does; the clock and the other machines go on. */
  sleep(): void
  /** Runs what became due meanwhile, in order, and goes on. */
  wake(): void
  /** Power loss: nothing here ever runs again, and its timers are forgotten. */
  halt(): void
  /** Whether that has happened. */
  readonly halted: boolean
}

/**
 * A clock that moves only when told, and seeded chance: pass it to `createChannel` and `createHub` and whole days pass in
 * a moment, in the same way each time. What is due runs inside `advance`, `runUntil` and `drain`. An application that awaits
 * promises needs `pass` and `passUntil`, which let it do so while virtual time stands still.
 *
 * @example
 * const runtime = createVirtualRuntime({ seed: 7 })
 * runtime.after(60_000, () => console.log("a minute later"))
 * runtime.advance(60_000)
 */
export interface VirtualRuntime extends Machine {
  /** Lets so much time pass: everything that becomes due runs, each at its own moment. */
  advance(ms: number): void
  /** Lets time pass until the claim holds, looking after every callback. Answers whether it came to hold in time. */
  runUntil(holds: () => boolean, limitMs: number): boolean
  /** As `advance`, and after every callback the promises that wait for nothing but each other go on, before time does. */
  pass(ms: number): Promise<void>
  /** As `runUntil`, with promises as in `pass`. */
  passUntil(holds: () => boolean, limitMs: number): Promise<boolean>
  /** Ends the tick: runs what was put off with `soon`, and no timer. */
  drain(): void
  /** Moves the clock without running a timer: the whole world slept. What is overdue runs with the next `advance`. */
  jump(ms: number): void
  /** How many timers are armed on all machines together. */
  pending(): number
  /** Adds a machine with timers of its own, which can sleep, wake and break on its own. */
  machine(): Machine
}

/** Makes a virtual runtime. */
export function createVirtualRuntime({
  seed = 1,
  now = Date.UTC(2026, 0, 1),
}: VirtualRuntimeOptions = {}): VirtualRuntime {
  return new VirtualWorld(seed, now)
}

/** So many callbacks at one moment of the clock are a loop, and no test wants to wait for its end. */
const LOOP = 100_000

/** So many `await`s of what is settled already an application may make in a row before time goes on without it. */
const TURNS = 12
const SETTLED = Promise.resolve()

/** What machines share. */
interface World {
  readonly timers: TimerQueue
  /** What runs before any timer, in order. */
  readonly ticks: (() => void)[]
  readonly random: () => number
  now: number
  /** How many timers were ever armed. */
  armed: number
  /** How many ids were ever given. */
  ids: number
}

type Condition =
  | { readonly is: "awake" }
  /** Callbacks that became due wait here. */
  | { readonly is: "asleep"; readonly due: (() => void)[] }
  | { readonly is: "halted" }

class VirtualMachine implements Machine {
  readonly reported: unknown[] = []
  readonly warned: string[] = []
  protected readonly world: World
  #condition: Condition = { is: "awake" }
  /** Armed timers, so that a halt finds them. */
  readonly #armed = new Set<Timer>()

  constructor(world: World) {
    this.world = world
  }

  // Functions of their own, as the system's are: whoever takes one out of the runtime can call it.

  readonly now = (): number => this.world.now

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
    if (this.#condition.is !== "halted") this.world.ticks.push(() => this.#do(run))
  }

  readonly random = (): number => this.world.random()

  readonly id = (): string => `virtual-id-${String(++this.world.ids).padStart(11, "0")}`

  readonly report = (error: unknown): void => void this.reported.push(error)

  readonly warn = (message: string): void => void this.warned.push(message)

  get halted(): boolean {
    return this.#condition.is === "halted"
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
  /** Whether time is being moved: nobody else may move it meanwhile. */
  #running = false
  /** How many timers in a row have run at one moment. */
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

  machine(): Machine {
    const machine = new VirtualMachine(this.world)
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

  /** Runs the first timer that is due by then. When there is none, it is then, and the answer is `false`. */
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
