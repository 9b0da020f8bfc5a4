import type { Limits } from "../line.ts"
import type { Direction, WireEnd } from "../wire.ts"
import type { Dice } from "./dice.ts"
import { drawLimits } from "./rates.ts"

/**
 * One thing that a simulation does. What is told by `index` is chosen among those that there are: a link, a channel or a
 * hub. A simulation's moves are plain data: kept, they are a history that can be lived through again.
 */
export type Move =
  | { readonly do: "pass"; readonly ms: number }
  /** The clock moves and no timer runs: the whole world slept. */
  | { readonly do: "jump"; readonly ms: number }
  /** Something that the application's users do; `dice` is the seed of its details. */
  | { readonly do: "act"; readonly act: string; readonly dice: number }
  | { readonly do: "cut-link" | "freeze-link" | "thaw-link"; readonly index: number }
  | { readonly do: "half-open"; readonly index: number; readonly dead: WireEnd }
  | { readonly do: "silence"; readonly index: number; readonly direction: Direction }
  /** `mute` holds back everything that comes down, `hold-back` all but the first batch of a link. */
  | {
      readonly do: "block" | "black-hole" | "hold-back" | "mute" | "cut-idle" | "cut-transport" | "unblock"
      readonly transport: string
    }
  /** `offline` cuts everything and refuses every dial. */
  | { readonly do: "cut" | "offline" | "heal" }
  /** Nothing arrives anywhere for so long, and nothing is lost. */
  | { readonly do: "stall"; readonly ms: number }
  | { readonly do: "delay"; readonly latencyMs: number; readonly jitterMs: number }
  /** The network becomes slower or faster; without limits it carries everything at once. */
  | ({ readonly do: "throttle" } & Limits)
  /** A channel's machine stands still for so long: a frozen tab, a closed laptop. */
  | { readonly do: "nap"; readonly index: number; readonly ms: number }
  /** Somebody presses "try again". */
  | { readonly do: "retry"; readonly index: number }
  /** `restart-hub` is a deploy: a hub closes and another one listens at once. `replace-hub` is the same for a crash. */
  | { readonly do: "close-hub" | "crash-hub" | "restart-hub" | "replace-hub"; readonly index: number }
  | { readonly do: "start-hub" }

type Fault = Exclude<Move["do"], "pass" | "act">

/** What takes faults away. */
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

/** How often each fault happens, compared with the others. */
export type Faults = Readonly<Record<Fault, number>>

/** Some faults often, some never; whatever can break can also be mended. */
export function drawFaults(dice: Dice): Faults {
  const mending = dice.magnitude(10, 300) / 100
  const rates = [
    ...BREAKING.map((fault) => [fault, dice.chance(0.5) ? 0 : dice.random() ** 2]),
    ...MENDING.map((fault) => [fault, dice.random() * mending]),
  ]
  // Every fault is in one of the two lists, but for `throttle`, whose rate is drawn with the limits.
  return { ...Object.fromEntries(rates), throttle: 0 } as Faults
}

/** Any index: it is taken modulo how many there are. */
const MANY = 60
/** How often a throttle takes the limits away. */
const LIFTED = 0.25

/** What a world has that faults happen to. */
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
