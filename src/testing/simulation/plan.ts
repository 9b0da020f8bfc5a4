import { HEARTBEAT_MS, HEARTBEAT_TIMEOUT_MS, MAX_OUTBOX_BYTES } from "../../wire/defaults.ts"
import type { Limits } from "../line.ts"
import { Dice } from "./dice.ts"
import { drawFault, drawFaults, type Faults, type Move } from "./moves.ts"
import { drawWorldLimits, largestWordBytes } from "./rates.ts"

/** What a seed stands for: the world it makes, and how rough that is. Times in milliseconds, sizes in bytes. */
export interface Plan {
  /** The ladder of every channel, best first. Default: some of the names of the built-in ones. */
  readonly transports: readonly [string, ...string[]]
  /** How many channels there are at a time, and how many hubs. */
  readonly channels: number
  readonly hubs: number
  /** Whether a balancer without stickiness stands before the hubs. */
  readonly balanced: boolean
  readonly latencyMs: number
  readonly jitterMs: number
  /** What each direction of a link takes before bytes pile up at the sender. */
  readonly windowBytes: number
  /** How fast the network is, and what stands in its line. Undefined without limits: then it is never throttled either. */
  readonly limits?: Limits | undefined
  /** As of the options of hubs and channels. */
  readonly onReset: "report" | "resend"
  readonly resumeMs: number
  readonly heartbeatMs: number
  readonly heartbeatTimeoutMs: number
  readonly maxOutboxBytes: number
  /** How much the built-in talk says at once: the largest word, how often words are large, and how often binary. */
  readonly wordBytes: number
  readonly largeShare: number
  readonly binaryShare: number
  /** How many moves there are, and how much time lies between two of them in the middle. */
  readonly moves: number
  readonly paceMs: number
  /** Which share of the moves are faults, from 0 to 1, and how often each is drawn compared with the others. */
  readonly turbulence: number
  readonly faults: Faults
  /** How often each act of the application is drawn, compared with the others. */
  readonly acts: Readonly<Record<string, number>>
  /** Whether channels try better transports again after seconds; by default it takes minutes. */
  readonly quickReprobes: boolean
  /** At the end only this transport is given back, and what is in the way of the others stays; otherwise all are. */
  readonly mended: string | undefined
  /** Whether links that only look alive are cut at the end, so that nothing has to be found out by waiting. */
  readonly tidy: boolean
}

const LADDER = ["websocket", "sse", "long-poll", "short-poll"] as const

/** Draws everything from the seed but what is given. */
export function drawPlan(seed: number, acts: readonly string[], given: Partial<Plan> = {}): Plan {
  const dice = new Dice(seed)
  const hubs = dice.chance(0.75) ? 1 : dice.between(2, 3)
  const heartbeatMs = dice.pick(HEARTBEAT_MS, HEARTBEAT_MS, dice.between(4_000, HEARTBEAT_MS))
  const [best = LADDER[0], ...rest] = dice.shuffle(LADDER)
  const transports = dice.chance(0.5) ? LADDER : ([best, ...rest.slice(0, dice.between(0, 3))] as const)
  const drawn: Plan = {
    transports,
    channels: dice.chance(0.6) ? 1 : dice.between(2, 4),
    hubs,
    balanced: hubs > 1 && dice.chance(0.5),
    latencyMs: dice.pick(0, 4, 20, 100),
    jitterMs: dice.pick(0, 30, 150),
    windowBytes: dice.pick(65_536, 65_536, 4_096, 1_048_576),
    onReset: dice.pick("report", "resend"),
    resumeMs: dice.pick(120_000, 120_000, 30_000, 1_000, 200),
    heartbeatMs,
    heartbeatTimeoutMs: Math.round((heartbeatMs * HEARTBEAT_TIMEOUT_MS) / HEARTBEAT_MS),
    maxOutboxBytes: dice.chance(0.7) ? MAX_OUTBOX_BYTES : dice.magnitude(1_000, 1_048_576),
    wordBytes: dice.magnitude(100, 300_000),
    largeShare: dice.chance(0.5) ? 0 : dice.random() * 0.3,
    binaryShare: dice.pick(0, 0, 0.2, 1),
    moves: dice.between(4, 50),
    paceMs: dice.magnitude(2, 1_500),
    turbulence: dice.chance(0.1) ? 0 : dice.random() * 0.8,
    faults: drawFaults(dice),
    acts: Object.fromEntries(acts.map((act) => [act, dice.random() ** 3])),
    quickReprobes: dice.chance(0.3),
    mended: dice.chance(0.7) ? undefined : dice.pick(...transports),
    tidy: dice.chance(0.5),
  }
  // Drawn last, so that everything else is as it was before there were limits.
  const drawnLimits = drawWorldLimits(dice, given.channels ?? drawn.channels)
  const limits = "limits" in given ? given.limits : drawnLimits
  const throttle = dice.chance(0.5) ? 0 : dice.random() ** 2
  // Much of what may go wrong on a slow network shows only where nothing else does.
  const quiet = dice.chance(0.3) && limits !== undefined
  return {
    ...drawn,
    wordBytes: Math.min(drawn.wordBytes, largestWordBytes(limits)),
    limits,
    turbulence: quiet ? 0 : drawn.turbulence,
    faults: { ...drawn.faults, throttle: limits === undefined ? 0 : throttle },
    ...given,
  }
}

/** Now and then nothing happens for so long that pulses, hold-offs and back-offs have their turn. */
const LONG_SHARE = 0.06
const LONG_MS = 40_000

/** Draws what is done, in order. */
export function drawMoves(seed: number, plan: Plan): Move[] {
  const dice = new Dice(seed)
  const moves: Move[] = []
  for (let i = 0; i < plan.moves; i++) {
    const act = dice.weighted(plan.acts)
    const fault = dice.chance(plan.turbulence) ? drawFault(dice, plan) : undefined
    if (fault !== undefined) moves.push(fault)
    else if (act !== undefined) moves.push({ do: "act", act, dice: dice.seed() })
    if (dice.chance(LONG_SHARE)) moves.push({ do: "pass", ms: dice.between(3_000, LONG_MS) })
    else if (dice.chance(0.8)) moves.push({ do: "pass", ms: Math.round(-Math.log(1 - dice.random()) * plan.paceMs) })
  }
  return moves
}
