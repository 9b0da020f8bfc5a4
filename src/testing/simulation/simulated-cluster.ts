import type { Backplane } from "../../cluster/backplane.ts"
import type { Cluster } from "../../server/cluster.ts"
import { type MemoryBackplane, type MemoryEnd, memoryBackplane } from "../memory-backplane.ts"
import type { Machine, VirtualRuntime } from "../virtual-runtime.ts"
import type { ClusterPlan } from "./cluster-plan.ts"

/** Makes the cluster of one hub from its end of the backplane: the function `cluster` of `everwire/cluster`. */
export type JoinCluster = (backplane: Backplane) => Cluster

/**
 * So long after a fault of the backplane, processes may still take each other for dead, in milliseconds: five beats were
 * missed, and after a connection comes back two seconds pass until it is known who lives.
 */
const AFTERMATH_MS = 15_000
/** With messages or a store slower than this, in milliseconds, processes may give up waiting for each other. */
const SLOW_MS = 250

/** The backplane that joins the processes of a simulation, and its faults. */
export class SimulatedCluster {
  readonly plan: ClusterPlan
  readonly #bus: MemoryBackplane
  readonly #runtime: VirtualRuntime
  readonly #join: JoinCluster
  readonly #ends = new Map<Machine, MemoryEnd>()
  /** The faults that last at this moment: of each, what begins it again if another one of its kind has ended it. */
  readonly #lasting = new Map<object, () => void>()
  /** Until when what processes know of each other may be wrong. */
  #unsteadyUntil: number
  /** Whether messages are so slow at this moment that processes may give up waiting for each other. */
  #isSlow = false

  constructor(runtime: VirtualRuntime, plan: ClusterPlan, join: JoinCluster) {
    this.#runtime = runtime
    this.plan = plan
    this.#join = join
    const { delayMs, jitterMs, storeMs } = plan
    this.#bus = memoryBackplane({ runtime, delayMs, jitterMs, storeMs })
    this.#unsteadyUntil = runtime.now()
  }

  /** Whether the processes know the truth about each other: no fault of the backplane or pause lasts, or has just ended. */
  get isSteady(): boolean {
    return !this.#isSlow && this.#runtime.now() >= this.#unsteadyUntil
  }

  /** How far the clock of a new process is ahead of the simulation's, in milliseconds. */
  aheadMs(): number {
    const { skewMs } = this.plan
    return skewMs === 0 ? 0 : Math.round((this.#runtime.random() - 0.5) * skewMs)
  }

  /** The cluster of a new hub on this machine. */
  open(machine: Machine): Cluster {
    const end = this.#bus.end(machine)
    this.#ends.set(machine, end)
    return this.#join(end)
  }

  /** The hub of this machine has closed. */
  closed(machine: Machine): void {
    void this.#ends.get(machine)?.close()
    this.#ends.delete(machine)
  }

  /** The process of this machine has died. Its end stays as it is: nothing on a halted machine hears or says anything. */
  crashed(machine: Machine): void {
    this.#ends.delete(machine)
  }

  /** For `ms` milliseconds from now on, and for a while afterwards, processes may take each other for dead. */
  disturb(ms: number): void {
    this.#unsteadyUntil = Math.max(this.#unsteadyUntil, this.#runtime.now() + ms + AFTERMATH_MS)
  }

  // The next four begin a fault and return the function that ends it.

  cut(machine: Machine): () => void {
    const end = this.#ends.get(machine)
    return this.#last(
      () => end?.cut(),
      () => end?.mend(),
    )
  }

  part(one: Machine, other: Machine): () => void {
    const [end, second] = [this.#ends.get(one), this.#ends.get(other)]
    if (end === undefined || second === undefined || end === second) return () => {}
    return this.#last(
      () => this.#bus.part(end, second),
      () => this.#bus.join(),
    )
  }

  stop(empty: boolean): () => void {
    return this.#last(
      () => this.#bus.stop(),
      () => this.#bus.start({ empty }),
    )
  }

  slowStore(storeMs: number): () => void {
    return this.#last(
      () => this.#bus.slowStore(storeMs),
      () => this.#bus.slowStore(this.plan.storeMs),
    )
  }

  /** Changes how long messages take from now on. */
  delay(delayMs: number, jitterMs: number): void {
    this.#bus.delay(delayMs, jitterMs)
    this.disturb(0)
    this.#isSlow = delayMs + jitterMs > SLOW_MS
  }

  /** Ends all faults. */
  mend(): void {
    const { delayMs, jitterMs, storeMs } = this.plan
    this.#lasting.clear()
    this.delay(delayMs, jitterMs)
    this.#bus.slowStore(storeMs)
    this.#bus.join()
    this.#bus.start()
    for (const end of this.#ends.values()) end.mend()
  }

  #last(begin: () => void, end: () => void): () => void {
    const fault = {}
    this.#lasting.set(fault, begin)
    begin()
    return () => {
      if (!this.#lasting.delete(fault)) return
      end()
      for (const again of this.#lasting.values()) again()
    }
  }
}
