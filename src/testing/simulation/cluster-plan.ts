import { Dice } from "./dice.ts"

/** Everything that is drawn about the backplane of a simulated cluster. Times in milliseconds. */
export interface ClusterPlan {
  /** How long a message takes from one process to another, and what chance adds to that at most. */
  readonly delayMs: number
  readonly jitterMs: number
  /** How long a call of the store takes. */
  readonly storeMs: number
  /** How far the clocks of two processes may be from each other. */
  readonly skewMs: number
  /** Share of the faults that are faults of the cluster, from 0 to 1, and the relative frequency of each. */
  readonly share: number
  readonly faults: ClusterFaults
}

/**
 * A fault of a cluster. `index` and `other` choose one of the processes that run at that moment (modulo their number).
 * Faults with `ms` end by themselves after so many milliseconds.
 */
export type ClusterMove =
  /** A process loses its connection to the backplane. */
  | { readonly do: "cut-process"; readonly index: number; readonly ms: number }
  /** Two processes do not hear each other, and both reach the store. */
  | { readonly do: "part"; readonly index: number; readonly other: number; readonly ms: number }
  /** The backplane stops. `empty`: its store has lost everything when it starts again. */
  | { readonly do: "stop-bus"; readonly ms: number; readonly empty: boolean }
  /** The backplane becomes slower or faster. */
  | { readonly do: "bus-delay"; readonly delayMs: number; readonly jitterMs: number }
  /** Calls of the store take `storeMs`. */
  | { readonly do: "slow-store"; readonly storeMs: number; readonly ms: number }
  /** A process stands still, as during a long collection of garbage or on a stopped virtual machine. */
  | { readonly do: "pause-hub"; readonly index: number; readonly ms: number }
  /** A process hands its sessions over and ends. With `roll-hub` another one starts at the same moment. */
  | { readonly do: "drain-hub" | "roll-hub"; readonly index: number; readonly drainMs: number }

const FAULTS = [
  "cut-process",
  "part",
  "stop-bus",
  "bus-delay",
  "slow-store",
  "pause-hub",
  "drain-hub",
  "roll-hub",
] as const satisfies readonly ClusterMove["do"][]

/** Relative frequency of each fault of a cluster. */
type ClusterFaults = Readonly<Record<ClusterMove["do"], number>>

/** Makes the dice of a cluster differ from those of the rest, so that one does not change what the other draws. */
const OWN_DICE = 0x5eed

/** Draws the cluster of a simulation. */
export function drawCluster(seed: number): { readonly hubs: number; readonly cluster: ClusterPlan } {
  const dice = new Dice(seed ^ OWN_DICE)
  const hubs = dice.between(2, 4)
  const rates = FAULTS.map((fault) => {
    const isHandOver = fault === "drain-hub" || fault === "roll-hub"
    return [fault, dice.chance(isHandOver ? 0.2 : 0.5) ? 0 : dice.random() ** 2]
  })
  return {
    hubs,
    cluster: {
      delayMs: dice.pick(0, 1, 1, 5, 30),
      jitterMs: dice.pick(0, 0, 3, 40),
      storeMs: dice.pick(0, 1, 1, 10, 60),
      skewMs: dice.chance(0.6) ? 0 : dice.magnitude(10, 3_600_000),
      share: 1 - dice.random() ** 2,
      faults: Object.fromEntries(rates) as ClusterFaults, // the list has every fault
    },
  }
}

/** Bound of a drawn index, which is taken modulo the number of processes. */
const MANY = 60

/** Draws one fault of a cluster. Undefined if this cluster has none. */
export function drawClusterFault(dice: Dice, { faults }: ClusterPlan): ClusterMove | undefined {
  const fault = dice.weighted(faults)
  const index = dice.between(0, MANY - 1)
  const ms = dice.magnitude(30, 30_000)
  switch (fault) {
    case undefined:
      return undefined
    case "part":
      return { do: fault, index, other: dice.between(0, MANY - 1), ms }
    case "stop-bus":
      return { do: fault, ms, empty: dice.chance(0.3) }
    case "bus-delay":
      return { do: fault, delayMs: dice.magnitude(1, 600), jitterMs: dice.pick(0, 10, 200) }
    case "slow-store":
      return { do: fault, storeMs: dice.magnitude(20, 5_000), ms }
    case "cut-process":
    case "pause-hub":
      return { do: fault, index, ms }
    case "drain-hub":
    case "roll-hub":
      return { do: fault, index, drainMs: dice.magnitude(100, 20_000) }
  }
}
