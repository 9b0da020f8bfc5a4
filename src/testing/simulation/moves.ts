import type { Limits } from "../line.ts"
import type { Direction, WireEnd } from "../wire.ts"
import type { ClusterMove } from "./cluster-plan.ts"
import type { Dice } from "./dice.ts"
import { drawLimits } from "./rates.ts"

/**
 * One step of a simulation: a pause, an act of a user, or a fault. `index` chooses one of the links, channels or hubs
 * that exist at that moment (modulo their number). Moves are plain data, so they can be stored as JSON and run again.
 */
export type Move =
  | { readonly do: "pass"; readonly ms: number }
  /** The clock jumps without running timers, as if all machines had slept. */
  | { readonly do: "jump"; readonly ms: number }
  /** An act of the application; `dice` is the seed of its random details. */
  | { readonly do: "act"; readonly act: string; readonly dice: number }
  | { readonly do: "cut-link" | "freeze-link" | "thaw-link"; readonly index: number }
  | { readonly do: "half-open"; readonly index: number; readonly dead: WireEnd }
  | { readonly do: "silence"; readonly index: number; readonly direction: Direction }
  /** `mute` holds back everything that a link sends down, `hold-back` everything after the first batch. */
  | {
      readonly do: "block" | "black-hole" | "hold-back" | "mute" | "cut-idle" | "cut-transport" | "unblock"
      readonly transport: string
    }
  /** `offline` cuts all links and refuses all dials. */
  | { readonly do: "cut" | "offline" | "heal" }
  /** The whole network is frozen for `ms` milliseconds. Nothing is lost. */
  | { readonly do: "stall"; readonly ms: number }
  | { readonly do: "delay"; readonly latencyMs: number; readonly jitterMs: number }
  /** The network gets other limits, or none. */
  | ({ readonly do: "throttle" } & Limits)
  /** A channel's machine sleeps for `ms` milliseconds, as a frozen tab or a closed laptop does. */
  | { readonly do: "nap"; readonly index: number; readonly ms: number }
  /** A user presses "try again": `channel.retry()`. */
  | { readonly do: "retry"; readonly index: number }
  /**
   * `restart-hub` is a deploy: a hub closes and another starts at once. In `replace-hub` the first one crashes instead.
   */
  | { readonly do: "close-hub" | "crash-hub" | "restart-hub" | "replace-hub"; readonly index: number }
  | { readonly do: "start-hub" }
  | ClusterMove

type Fault = Exclude<Move["do"], "pass" | "act" | ClusterMove["do"]>

/** Moves that end faults. */
const MENDING = ["thaw-link", "unblock", "heal", "start-hub", "retry"] as const
const BREAKING = [
  "jump",
  "cut-link",
  "freeze-link",
  "half-open",
  "silence",
  "block",
  "black-hole",
  "hold-back",
  "mute",
  "cut-idle",
  "cut-transport",
  "cut",
  "offline",
  "stall",
  "delay",
  "nap",
  "close-hub",
  "crash-hub",
  "restart-hub",
  "replace-hub",
] as const satisfies readonly Fault[]

/** Relative frequency of each fault. */
export type Faults = Readonly<Record<Fault, number>>

/** Draws the frequencies: about half of the breaking faults never happen, and all mending ones can. */
export function drawFaults(dice: Dice): Faults {
  const mending = dice.magnitude(10, 300) / 100
  const rates = [
    ...BREAKING.map((fault) => [fault, dice.chance(0.5) ? 0 : dice.random() ** 2]),
    ...MENDING.map((fault) => [fault, dice.random() * mending]),
  ]
  // The two lists hold every fault except `throttle`, whose frequency is drawn with the limits.
  return { ...Object.fromEntries(rates), throttle: 0 } as Faults
}

/** Bound of a drawn index, which is taken modulo the number of links, channels or hubs. */
const MANY = 60
/** Probability that a `throttle` move removes the limits. */
const LIFTED = 0.25

/** The fields of a plan that `drawFault` needs. */
interface Targets {
  readonly faults: Faults
  readonly transports: readonly [string, ...string[]]
  readonly channels: number
}

export function drawFault(dice: Dice, { faults, transports, channels }: Targets): Move | undefined {
  const fault = dice.weighted(faults)
  const index = dice.between(0, MANY - 1)
  const transport = dice.pick(...transports)
  switch (fault) {
    case undefined:
    case "cut":
    case "offline":
    case "heal":
    case "start-hub":
      return fault && { do: fault }
    case "jump":
      return { do: fault, ms: dice.pick(500, 6_000, 45_000, 130_000) }
    case "stall":
      return { do: fault, ms: dice.magnitude(30, 20_000) }
    case "nap":
      return { do: fault, index, ms: dice.magnitude(30, 40_000) }
    case "half-open":
      return { do: fault, index, dead: dice.pick("dialer", "acceptor") }
    case "silence":
      return { do: fault, index, direction: dice.pick("up", "down") }
    case "delay":
      return { do: fault, latencyMs: dice.magnitude(1, 400), jitterMs: dice.pick(0, 30, 300) }
    case "throttle":
      return { do: fault, ...(!dice.chance(LIFTED) && drawLimits(dice, channels)) }
    case "block":
    case "black-hole":
    case "hold-back":
    case "mute":
    case "cut-idle":
    case "cut-transport":
    case "unblock":
      return { do: fault, transport }
    case "cut-link":
    case "freeze-link":
    case "thaw-link":
    case "retry":
    case "close-hub":
    case "crash-hub":
    case "restart-hub":
    case "replace-hub":
      return { do: fault, index }
  }
}
