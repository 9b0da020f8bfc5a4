import type { Channel, CreateChannelOptions } from "everwire"
import { expect } from "vitest"
import type { Fate, FaultProxy } from "./fault-proxy.ts"
import type { Verdict } from "./flow.ts"
import { forMs, startJourney } from "./journey.ts"

const ladder = ["websocket", "sse", "long-poll", "short-poll"] as const

/** The transports of the channel: each alone, or all of them while the proxy takes some away and gives them back. */
export const wires = [
  ...ladder.map((name) => ({ wire: name, transports: [name] })),
  { wire: "all four", transports: ladder },
]

type Random = () => number

/** A fault that occurs again and again. */
interface Plague {
  readonly plague: string
  /** One-way delay of the proxy in ms. */
  readonly delayMs?: number
  /** The share of answers that are lost all the time, from 0 to 1. */
  readonly lossRate?: number
  strike(proxy: FaultProxy, random: Random): void
}

export const plagues: readonly Plague[] = [
  { plague: "every connection is reset and new ones are refused for 300 ms", strike: resetAndRefuse },
  { plague: "the same happens with 40 ms of delay each way", delayMs: 40, strike: resetAndRefuse },
  {
    plague: "everything falls silent for a while and nobody is told",
    strike(proxy, random) {
      if (random() < 0.5) proxy.freeze()
      else proxy.silence()
      setTimeout(() => proxy.thaw(), 300 + 3_200 * random())
    },
  },
  {
    plague: "one end of every connection is cut and the other is left open",
    strike: (proxy, random) => proxy.halfOpen(random() < 0.7 ? "client" : "hub"),
  },
  {
    plague: "answers are lost after the request was served",
    lossRate: 0.05,
    strike: (proxy) => proxy.loseAnswers(),
  },
]

function resetAndRefuse(proxy: FaultProxy): void {
  proxy.reset()
  proxy.refuseFor(300)
}

/** Where a run takes place. */
export interface Place {
  readonly proxy: FaultProxy
  /** The errors that hubs gave to `onError`. */
  readonly failures: readonly unknown[]
  /** Opens a channel, and lets it and its peer send to each other. */
  flow(options: CreateChannelOptions): Promise<{
    readonly channel: Channel
    readonly flow: { settled(deadlineMs: number): Promise<Verdict> }
  }>
}

/** One run. */
interface Run {
  readonly wire: string
  readonly transports: readonly (typeof ladder)[number][]
  readonly plague: Plague
  readonly durationMs: number
  /** When the first fault occurs, in ms; the others follow every 2 to 4 s. */
  readonly firstStrikeMs: number
  readonly seed: number
  onFinished(close: () => Promise<void>): void
  /** Default: one hub behind the proxy. */
  start?(onFinished: Run["onFinished"]): Promise<Place>
}

/**
 * Sends 200 messages a second in each direction while the faults occur, and asserts that each arrives once and in
 * order.
 */
export async function expectExactlyOnce(run: Run): Promise<void> {
  const { wire, transports, plague, durationMs } = run
  const random = createRandom(run.seed)
  const { proxy, failures, flow: startFlow } = await (run.start ?? startJourney)(run.onFinished)
  proxy.delayMs = plague.delayMs ?? 0
  if (plague.lossRate !== undefined) {
    const { lossRate } = plague
    proxy.judge = ({ method }) => (method === "POST" && random() < lossRate ? "lose-answer" : "pass")
  }
  const { flow, channel } = await startFlow({ transports, reprobeMs: [300] })
  const carriers = new Set([channel.transport])
  let links = 1
  channel.onStatus((status, { transport }) => {
    if (status !== "open") return
    links++
    carriers.add(transport)
  })
  let strikes = 0
  let striking = setTimeout(strike, run.firstStrikeMs)
  function strike(): void {
    strikes++
    plague.strike(proxy, random)
    striking = setTimeout(strike, 2_000 + 2_000 * random())
  }
  let rearranging = setTimeout(change, run.firstStrikeMs / 2)
  function change(): void {
    if (transports.length > 1) rearrange(proxy, random)
    rearranging = setTimeout(change, 500 + 1_000 * random())
  }
  const heal = (): void => {
    clearTimeout(striking)
    clearTimeout(rearranging)
    proxy.judge = () => "pass"
    proxy.giveBack()
    proxy.thaw()
  }
  run.onFinished(async () => heal())
  await forMs(durationMs)
  heal()
  const healedAt = performance.now()
  const verdict = await flow.settled(15_000)
  const { up, down, maxGapMs } = verdict
  console.log(
    `${wire} | ${plague.plague} | ${strikes} strikes, seed ${run.seed} | up ${up.heard}/${up.sent}, down ${down.heard}/${down.sent} | ` +
      `lost ${up.lost + down.lost}, doubled ${up.doubled + down.doubled}, out of order ${up.outOfOrder + down.outOfOrder} | ` +
      `longest gap ${maxGapMs} ms, settled in ${Math.round(performance.now() - healedAt)} ms | ${links} links on ${[...carriers].join(", ")}`,
  )
  const perfect = { lost: 0, doubled: 0, outOfOrder: 0 }
  expect(verdict).toMatchObject({ up: perfect, down: perfect, resets: 0 })
  expect(failures).toEqual([])
  expect(strikes).toBeGreaterThanOrEqual(2)
  expect(Math.min(up.sent, down.sent)).toBeGreaterThan(0.19 * durationMs)
}

/** Takes some transports away and gives the others back. At least one is left. */
function rearrange(proxy: FaultProxy, random: Random): void {
  const fates: readonly Fate[] = [{ status: 403 }, { status: 502 }, "black-hole", "mute", "mute-down"]
  const spared = Math.floor(random() * ladder.length)
  proxy.giveBack()
  for (const [rank, name] of ladder.entries()) {
    const fate = fates[Math.floor(random() * fates.length)]
    if (rank !== spared && random() < 0.6) proxy.take(name, fate, random() < 0.5 ? "reset" : "silence")
  }
}

/** Mulberry32: the same seed gives the same faults. */
function createRandom(seed: number): Random {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
