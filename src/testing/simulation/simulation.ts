import type { AnyContract, Contract } from "../../messaging/contract.ts"
import { MAX_OUTBOX_BYTES } from "../../wire/defaults.ts"
import type { Application } from "./application.ts"
import { bounds } from "./bounds.ts"
import { calm } from "./calm.ts"
import type { Checker } from "./checker.ts"
import { dials } from "./dials.ts"
import { SimulationFailed } from "./failure.ts"
import { createHandOverChecker } from "./hand-over.ts"
import { createHonestyChecker } from "./honesty.ts"
import { Liveness } from "./liveness.ts"
import type { Move } from "./moves.ts"
import { drawClusterPlan, drawMoves, drawPlan, type Plan } from "./plan.ts"
import type { JoinCluster } from "./simulated-cluster.ts"
import { SimulatedWorld } from "./simulated-world.ts"
import { Talk } from "./talk.ts"
import { ON_THE_WAY_MS, timers } from "./timers.ts"

export type { Application, World } from "./application.ts"
export { SimulationFailed } from "./failure.ts"
export type { Faults, Move } from "./moves.ts"
export type { Plan } from "./plan.ts"

/** Options of a simulation. */
export interface SimulationOptions<C extends Contract<C> = AnyContract> {
  /** Seed of all random choices. The same seed gives the same run. */
  readonly seed: number
  /**
   * The application that runs on the hubs and channels. Default: a talk in numbered words, each of which is checked.
   */
  readonly application?: Application<C>
  /**
   * Fields of the plan that are given and not drawn, for example one channel only, or no faults. With your own
   * application, `maxOutboxBytes` is not drawn but is the library's default, because `send` throws when an outbox is
   * full.
   */
  readonly plan?: Partial<Plan>
  /** The moves to make instead of those drawn from the seed, for example the `moves` of a {@link SimulationFailed}. */
  readonly moves?: readonly Move[]
  /**
   * Milliseconds of virtual time after the last fault within which every channel must be open and everything delivered.
   * A slow network is given more. Default 60 000.
   */
  readonly settleMs?: number
  /**
   * Makes the hubs processes of one cluster: the function `cluster` of `everwire/cluster`. Two to four run on a backplane
   * in memory, any of them may get any dial, and the faults are also those of the backplane and of whole processes: cut
   * off, parted, paused, killed, drained. Default: each hub is alone.
   */
  readonly cluster?: JoinCluster | undefined
}

/** The figures of a simulation that found no fault. */
export interface SimulationReport {
  /** Number of sessions that the hubs began. */
  readonly sessions: number
  readonly moves: number
  /** Virtual time that has passed, in milliseconds. */
  readonly virtualMs: number
}

/** A simulation drawn from a seed, ready to run. */
export interface Simulation {
  readonly seed: number
  /** The plan that was drawn from the seed. */
  readonly plan: Plan
  /** The moves that `run` makes, in order. */
  readonly moves: readonly Move[]
  /** The log of the packets and events so far, one line each. Empty before `run`. */
  readonly trace: string
  /**
   * Runs the simulation. It makes all moves; then the faults end and everything must arrive; then all channels and hubs
   * close and no link or timer may be left. May be called once only.
   *
   * @throws SimulationFailed (as a rejection) when a law is broken
   */
  run(): Promise<SimulationReport>
}

/**
 * Makes a simulation: hubs and channels in one process, on a virtual clock and a network with random faults, all drawn
 * from one seed. Checkers verify that no message is lost, doubled, reordered or invented, that nothing is heard after a
 * close, that buffers stay within their bounds, and that no timer is left. When the faults end, everything must arrive.
 * `docs/testing.md` shows how to simulate your own hub and handlers.
 *
 * @example
 * for (let seed = 1; seed <= 1_000; seed++) await createSimulation({ seed }).run()
 */
export function createSimulation<C extends Contract<C> = AnyContract>(options: SimulationOptions<C>): Simulation {
  const { application, ...rest } = options
  if (application === undefined) return new SeededSimulation(rest, new Talk(options.cluster !== undefined))
  // A small outbox closes channels and makes `send` throw. An application meets that only if its plan asks for it.
  return new SeededSimulation({ ...rest, plan: { maxOutboxBytes: MAX_OUTBOX_BYTES, ...rest.plan } }, application)
}

/** Interval of the checks whether everything has arrived, in milliseconds of virtual time. */
const LOOK_MS = 200

class SeededSimulation<C extends Contract<C>> implements Simulation {
  readonly seed: number
  readonly plan: Plan
  readonly moves: readonly Move[]
  readonly #application: Application<C>
  readonly #settleMs: number
  readonly #join: JoinCluster | undefined
  readonly #checkers: readonly Checker[] = [
    createHonestyChecker(),
    createHandOverChecker(),
    calm,
    dials,
    bounds,
    timers,
  ]
  #world: SimulatedWorld<C> | undefined
  /** Number of moves made so far. */
  #made = 0

  constructor(options: Omit<SimulationOptions, "application">, application: Application<C>) {
    const { seed, plan, moves, settleMs = 60_000, cluster } = options
    this.seed = seed
    this.#join = cluster
    const draw = cluster === undefined ? drawPlan : drawClusterPlan
    this.plan = draw(seed, Object.keys(application.acts), plan)
    this.moves = moves ?? drawMoves(seed, this.plan)
    this.#application = application
    this.#settleMs = settleMs
  }

  get trace(): string {
    return this.#world?.network.trace ?? ""
  }

  async run(): Promise<SimulationReport> {
    if (this.#world !== undefined) throw new Error("a simulation runs once: create another one of the same seed")
    const world = new SimulatedWorld(this.seed, this.plan, this.#application, this.#join)
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

  /** Lets time pass until everything has arrived. `Liveness` throws when that takes too long. */
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
    // Without limits the queue empties at once; otherwise it could hold bytes after all channels and hubs have closed.
    world.network.limit()
    for (const { channel } of world.running) void channel.close({ flushMs: 0 })
    this.#check(world)
    for (const hub of [...world.listening]) world.closeHub(hub)
    this.#check(world)
    await runtime.pass(world.cluster === undefined ? 1_000 : ON_THE_WAY_MS)
    for (const { closed } of this.#checkers) closed?.(world)
    this.#application.closed?.(world)
  }
}
