import { type Application, createSimulation, SimulationFailed } from "everwire/testing"
import { describe, expect, it } from "vitest"
import { isLong } from "../support/mode.ts"
import { keptSeeds } from "./kept-seeds.ts"

/**
 * `npm test` runs the same seeds every time, so that only a change of the code can make it fail. `npm run test:long` runs
 * more of them from a random one. `npm run simulate` runs more still, on all cores. A failure names its seed.
 */
const SEEDS = isLong ? 20_000 : 500
const FIRST = isLong ? 1 + Math.floor(Math.random() * 1e9) : 1
/** One seed takes about 12 ms; a busy machine may need twenty times as long. */
const TIMEOUT_MS = SEEDS * 240

describe("a hub and its channels in a world that fails", () => {
  it(
    `lose nothing without a word, double nothing, and are well again in time, whatever of ${SEEDS} seeds`,
    async () => {
      for (let seed = FIRST; seed < FIRST + SEEDS; seed++) await createSimulation({ seed }).run()
    },
    TIMEOUT_MS,
  )

  it.each(keptSeeds)("pass the history that once revealed a fault: $found", async ({ found: _, ...kept }) => {
    await createSimulation(kept).run()
  })
})

describe("a simulation", () => {
  it("runs the same history for the same seed, and another one for another seed", async () => {
    const [one, same, other] = [7, 7, 8].map((seed) => createSimulation({ seed }))
    const reports = await Promise.all([one?.run(), same?.run(), other?.run()])
    expect(reports[0]).toEqual(reports[1])
    expect(one?.trace).toBe(same?.trace)
    expect(other?.trace).not.toBe(one?.trace)
  })

  it("generates calm worlds and wild ones, small ones and large ones", () => {
    const plans = Array.from({ length: 200 }, (_, seed) => createSimulation({ seed }).plan)
    expect(plans.some(({ turbulence }) => turbulence === 0)).toBe(true)
    expect(plans.some(({ turbulence }) => turbulence > 0.7)).toBe(true)
    expect(new Set(plans.map(({ hubs }) => hubs))).toEqual(new Set([1, 2, 3]))
    expect(new Set(plans.map(({ channels }) => channels))).toEqual(new Set([1, 2, 3, 4]))
    expect(new Set(plans.map(({ transports }) => transports.length))).toEqual(new Set([1, 2, 3, 4]))
  })

  it("generates fast, slow and changing networks; none where the plan says that it has no limits", () => {
    const seeds = Array.from({ length: 200 }, (_, seed) => seed)
    const worlds = seeds.map((seed) => createSimulation({ seed }))
    const limits = worlds.flatMap(({ plan }) => plan.limits ?? [])
    expect(limits.length).toBeGreaterThan(50)
    expect(limits.some(({ upBytesPerSecond = 0 }) => upBytesPerSecond < 10_000)).toBe(true)
    expect(limits.some(({ downBytesPerSecond = 0 }) => downBytesPerSecond > 1_000_000)).toBe(true)
    expect(new Set(limits.map(({ queueBytes }) => queueBytes))).toEqual(new Set([64_000, 2_000_000, undefined]))
    expect(worlds.some(({ moves }) => moves.some((move) => move.do === "throttle"))).toBe(true)
    const free = seeds.flatMap((seed) => createSimulation({ seed, plan: { limits: undefined } }).moves)
    expect(free.some((move) => move.do === "throttle")).toBe(false)
  })

  it("does not generate a part of the plan that is given", () => {
    const { plan } = createSimulation({ seed: 3, plan: { channels: 9, transports: ["pigeon"] } })
    expect(plan).toMatchObject({ channels: 9, transports: ["pigeon"] })
  })

  it("can be run only once", async () => {
    const simulation = createSimulation({ seed: 1 })
    await simulation.run()
    await expect(simulation.run()).rejects.toThrow("create another one")
  })
})

describe("an application's own simulation", () => {
  interface Poll {
    up: { vote: { id: string } }
    down: { count: number }
    requests: { total(): number }
  }

  /**
   * People vote; the hub counts. With `careless`, a vote that a reset leaves uncertain is sent again and counted twice.
   */
  function createPoll(careless: boolean): Application<Poll> {
    const ids = new Set<string>()
    let counted = 0
    let voted = 0
    return {
      channelOptions: { resend: true },
      hub(hub) {
        hub.on("vote", ({ id }) => {
          if (!careless && ids.has(id)) return
          ids.add(id)
          hub.send("count", ++counted)
        })
        hub.handle("total", async () => {
          await Promise.resolve()
          return counted
        })
      },
      acts: {
        vote: ({ channels: [channel] }) => void channel?.send("vote", { id: `vote ${++voted}` }),
        ask: ({ channels: [channel] }) => {
          channel?.request("total").then(
            (total) => expect(total).toBeLessThanOrEqual(voted),
            () => {}, // The request was reset or timed out.
          )
        },
      },
      check() {
        if (counted > voted) throw new Error(`${voted} votes were cast and ${counted} counted`)
      },
      missing: () => (counted < voted ? `${voted - counted} votes` : undefined),
    }
  }

  it("runs in the same world, with its own checks", async () => {
    for (let seed = 1; seed <= 200; seed++) await createSimulation({ seed, application: createPoll(false) }).run()
  })

  it("may send on its own, when it says so", async () => {
    const createTicker = (chatters: boolean): Application => ({
      chatters,
      hub(hub, machine, { hubs }) {
        const tick = (): void => {
          if (!hubs.includes(hub)) return
          hub.send("tick")
          machine.after(50, tick)
        }
        machine.after(50, tick)
      },
      acts: { look: () => {} },
    })
    const plan = { turbulence: 0, latencyMs: 100, jitterMs: 0 }
    await createSimulation({ seed: 1, plan, application: createTicker(true) }).run()
    await expect(createSimulation({ seed: 1, plan, application: createTicker(false) }).run()).rejects.toThrow(
      /has not acknowledged what hub 1 said/,
    )
  })

  it("reports a fault with the seed, the moves and the events, and either of the first two reproduces it", async () => {
    const failure = await firstFailure(createPoll)
    expect(failure.message).toMatch(/^seed \d+, move \d+: \d+ votes were cast and \d+ counted\n/)
    expect(failure.message).toContain("session-unknown")
    const { seed, moves } = failure
    const again = createSimulation({ seed, application: createPoll(true) })
    await expect(again.run()).rejects.toMatchObject({ message: failure.message })
    const moved = createSimulation({ seed, moves, application: createPoll(true) })
    await expect(moved.run()).rejects.toMatchObject({ message: failure.message })
  })

  async function firstFailure(create: (careless: boolean) => Application<Poll>): Promise<SimulationFailed> {
    for (let seed = 1; seed <= 1_000; seed++) {
      try {
        await createSimulation({ seed, application: create(true) }).run()
      } catch (error) {
        if (error instanceof SimulationFailed) return error
        throw error
      }
    }
    throw new Error("no seed found it")
  }
})
