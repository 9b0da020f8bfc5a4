import type { AnyContract, Contract } from "../../messaging/contract.ts"
import { MAX_OUTBOX_BYTES } from "../../wire/defaults.ts"
import type { Application } from "./application.ts"
import { bounds } from "./bounds.ts"
import { calm } from "./calm.ts"
import type { Checker } from "./checker.ts"
import { dials } from "./dials.ts"
import { SimulationFailed } from "./failure.ts"
import { createHonestyChecker } from "./honesty.ts"
import { Liveness } from "./liveness.ts"
import type { Move } from "./moves.ts"
import { drawMoves, drawPlan, type Plan } from "./plan.ts"
import { SimulatedWorld } from "./simulated-world.ts"
import { Talk } from "./talk.ts"
import { timers } from "./timers.ts"

export type { Application, World } from "./application.ts"
export { SimulationFailed } from "./failure.ts"
export type { Faults, Move } from "./moves.ts"
export type { Plan } from "./plan.ts"

/** Options of a simulation. */
export interface SimulationOptions<C extends Contract<C> = AnyContract> {
  /** Everything that chance decides is drawn from it: the same seed gives the same history. */
  readonly seed: number
  /** What runs in it. Default: a talk in numbered words, which is checked word by word. */
  readonly application?: Application<C>
  /**
   * Parts of the plan that are not to be drawn: one channel only, say, or no faults at all. For an application of your own
   * `maxOutboxBytes` is the library's default unless it is given here: a full outbox throws from `send`.
   */
  readonly plan?: Partial<Plan>
  /** What is done, instead of what the seed draws: the `moves` of a {@link SimulationFailed}, for one. */
  readonly moves?: readonly Move[]
  /** Within so much virtual time after the last fault everything must be open and delivered. Default 60 000. */
  readonly settleMs?: number
}

/** What a simulation that found nothing has seen. */
export interface SimulationReport {
  /** Sessions that hubs began. */
  readonly sessions: number
  readonly moves: number
  /** How much virtual time has passed. */
  readonly virtualMs: number
}

/** A world drawn from a seed, ready to run. */
export interface Simulation {
  readonly seed: number
  /** What the seed stands for. */
  readonly plan: Plan
  /** What will be done. */
  readonly moves: readonly Move[]
  /** What has crossed the network and what has happened so far, line by line. */
  readonly trace: string
  /**
   * Runs it: all moves, then the faults end and everything must arrive, then everything closes and nothing may be left.
   * To be called once.
   *
   * @throws SimulationFailed (as a rejection) when a law is broken
   */
  run(): Promise<SimulationReport>
}

/**
 * Hubs and channels in one process, on a virtual clock and a network that fails in every way there is, all of it drawn from
 * one seed. Checkers stand beside it: nothing lost, doubled, reordered or invented, nothing said after the end, buffers in
 * their bounds, no timer left; and when the faults end, everything arrives. `docs/testing.md` shows how to put your own
 * hub and handlers in.
 *
 * @example
 * for (let seed = 1; seed <= 1_000; seed++) await createSimulation({ seed }).run()
 */
export function createSimulation<C extends Contract<C> = AnyContract>(options: SimulationOptions<C>): Simulation {
  const { application, ...rest } = options
  if (application === undefined) return new SeededSimulation(rest, new Talk())
  // Small outboxes end channels and throw from `send`: only who asks for that has to live with it.
  return new SeededSimulation({ ...rest, plan: { maxOutboxBytes: MAX_OUTBOX_BYTES, ...rest.plan } }, application)
}

/** How closely it is looked whether everything has arrived, in milliseconds. */
const LOOK_MS = 200

class SeededSimulation<C extends Contract<C>> implements Simulation {
  readonly seed: number
  readonly plan: Plan
  readonly moves: readonly Move[]
  readonly #application: Application<C>
  readonly #settleMs: number
  readonly #checkers: readonly Checker[] = [createHonestyChecker(), calm, dials, bounds, timers]
  #world: SimulatedWorld<C> | undefined
  /** How many moves were made. */
  #made = 0

  constructor(options: Omit<SimulationOptions, "application">, application: Application<C>) {
    const { seed, plan, moves, settleMs = 60_000 } = options
    this.seed = seed
    this.plan = drawPlan(seed, Object.keys(application.acts), plan)
    this.moves = moves ?? drawMoves(seed, this.plan)
    this.#application = application
    this.#settleMs = settleMs
  }

  get trace(): string {
    return this.#world?.network.trace ?? ""
  }

  async run(): Promise<SimulationReport> {
    if (this.#world !== undefined) throw new Error("a simulation runs once: create another one of the same seed")
    const world = new SimulatedWorld(this.seed, this.plan, this.#application)
    this.#world = world
    const startedAt = world.runtime.now()
    try {
      for (const move of this.moves) {
        this.#made++
        if (move.do === "pass") await world.runtime.pass(move.ms)
        else world.do(move)
        this.#check(world)
        world.fill()
      }
      world.mend()
      await this.#settle(world)
      await this.#close(world)
    } catch (error) {
      throw new SimulationFailed(this.seed, this.moves.slice(0, this.#made), world.network.trace, error)
    }
    return {
      sessions: world.sessions,
      moves: this.moves.length,
      virtualMs: world.runtime.now() - startedAt,
    }
  }

  #check(world: SimulatedWorld<C>): void {
    for (const { check } of this.#checkers) check?.(world)
    this.#application.check?.(world)
  }

  /** Lets time pass until everything has arrived; the laws of liveness say how long that may take. */
  async #settle(world: SimulatedWorld<C>): Promise<void> {
    const liveness = new Liveness(world, this.#settleMs)
    while (!liveness.settled()) {
      await world.runtime.pass(LOOK_MS)
      this.#check(world)
      world.fill()
    }
  }

  async #close(world: SimulatedWorld<C>): Promise<void> {
    const { runtime } = world
    // What still stands in a slow line would outlive everybody.
    world.network.limit()
    for (const { channel } of world.running) void channel.close({ flushMs: 0 })
    this.#check(world)
    for (const hub of [...world.listening]) world.closeHub(hub)
    this.#check(world)
    await runtime.pass(1_000)
    for (const { closed } of this.#checkers) closed?.(world)
    this.#application.closed?.(world)
  }
}
