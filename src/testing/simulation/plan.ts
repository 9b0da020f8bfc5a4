import { HEARTBEAT_MS, HEARTBEAT_TIMEOUT_MS, MAX_OUTBOX_BYTES } from "../../wire/defaults.ts"
import type { Limits } from "../line.ts"
import { type ClusterPlan, drawCluster, drawClusterFault } from "./cluster-plan.ts"
import { Dice } from "./dice.ts"
import { drawFault, drawFaults, type Faults, type Move } from "./moves.ts"
import { drawWorldLimits, largestWordBytes } from "./rates.ts"

/**
 * Everything that is drawn from a seed before the run: the hubs, channels, network and faults. Times in ms, sizes in
 * bytes.
 */
export interface Plan {
  /** The transports of every channel, best first. Default: some or all of the names of the built-in ones. */
  readonly transports: readonly [string, ...string[]]
  /** Number of channels and of hubs at a time. */
  readonly channels: number
  readonly hubs: number
  /** Whether each dial reaches a random hub, as behind a load balancer without sticky sessions. */
  readonly balanced: boolean
  readonly latencyMs: number
  readonly jitterMs: number
  /** Without a rate limit: bytes that may be in transit in each direction of a link before the sender has to buffer. */
  readonly windowBytes: number
  /** Rate and queue of the network. Undefined: no limits, and no `throttle` moves. */
  readonly limits?: Limits | undefined
  /** What a channel does with uncertain messages after a reset: its option `resend`. The next four are options too. */
  readonly onReset: "report" | "resend"
  readonly resumeMs: number
  readonly heartbeatMs: number
  readonly heartbeatTimeoutMs: number
  readonly maxOutboxBytes: number
  /** Of the built-in talk: bytes of the largest word, and the shares of words that are large and that are binary. */
  readonly wordBytes: number
  readonly largeShare: number
  readonly binaryShare: number
  /** Number of moves, and the mean time between two of them. */
  readonly moves: number
  readonly paceMs: number
  /** Share of the moves that are faults, from 0 to 1, and the relative frequency of each fault. */
  readonly turbulence: number
  readonly faults: Faults
  /** Relative frequency of each act of the application. */
  readonly acts: Readonly<Record<string, number>>
  /** Whether channels dial better transports again after seconds. By default they wait for minutes. */
  readonly quickReprobes: boolean
  /** At the end only this transport is unblocked and the others keep their obstacles. Undefined: all are unblocked. */
  readonly mended: string | undefined
  /** Whether broken links that still look alive are cut at the end, so that no end has to find out by a timeout. */
  readonly tidy: boolean
  /** What joins the hubs. Undefined: each hub is alone. */
  readonly cluster?: ClusterPlan | undefined
}

const LADDER = ["websocket", "sse", "long-poll", "short-poll"] as const

/** As `drawPlan`, for hubs that are processes of one cluster. Any of them may get any dial. */
export function drawClusterPlan(seed: number, acts: readonly string[], given: Partial<Plan> = {}): Plan {
  return drawPlan(seed, acts, { ...drawCluster(seed), balanced: true, ...given })
}

/** Draws a plan from the seed. Fields of `given` replace those drawn. */
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
  // Limits are drawn last, so that they do not change what older seeds draw for everything else.
  const drawnLimits = drawWorldLimits(dice, given.channels ?? drawn.channels)
  const limits = "limits" in given ? given.limits : drawnLimits
  const throttle = dice.chance(0.5) ? 0 : dice.random() ** 2
  // Many bugs of slow networks show only when there are no other faults.
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

/** Share of the moves that a long pause follows, and its upper bound in ms: heartbeats and back-offs run in it. */
const LONG_SHARE = 0.06
const LONG_MS = 40_000

/** Share of the clusters that begin with a pause in which all processes join and all channels open, in ms. */
const KNOWN_SHARE = 0.7
const KNOWN_MS = 5_000

/** Draws the moves from the seed, in order. */
export function drawMoves(seed: number, plan: Plan): Move[] {
  const dice = new Dice(seed)
  const moves: Move[] = []
  // A cluster has most to lose when its processes know each other and have sessions.
  if (plan.cluster !== undefined && dice.chance(KNOWN_SHARE)) moves.push({ do: "pass", ms: KNOWN_MS })
  for (let i = 0; i < plan.moves; i++) {
    const act = dice.weighted(plan.acts)
    const fault = dice.chance(plan.turbulence) ? drawAnyFault(dice, plan) : undefined
    if (fault !== undefined) moves.push(fault)
    else if (act !== undefined) moves.push({ do: "act", act, dice: dice.seed() })
    if (dice.chance(LONG_SHARE)) moves.push({ do: "pass", ms: dice.between(3_000, LONG_MS) })
    else if (dice.chance(0.8)) moves.push({ do: "pass", ms: Math.round(-Math.log(1 - dice.random()) * plan.paceMs) })
  }
  return moves
}

function drawAnyFault(dice: Dice, plan: Plan): Move | undefined {
  const { cluster } = plan
  const ofCluster = cluster !== undefined && dice.chance(cluster.share) ? drawClusterFault(dice, cluster) : undefined
  return ofCluster ?? drawFault(dice, plan)
}
