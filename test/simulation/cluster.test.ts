import { cluster } from "everwire/cluster"
import { createSimulation } from "everwire/testing"
import { describe, expect, it } from "vitest"
import { Calls } from "../../src/testing/simulation/calls.ts"
import { isLong } from "../support/mode.ts"
import { clusterSeeds } from "./cluster-seeds.ts"

/** As in `simulation.test.ts`. A seed of a cluster takes about 70 ms; a busy machine may need ten times as long. */
const SEEDS = isLong ? 5_000 : 60
const FIRST = isLong ? 1 + Math.floor(Math.random() * 1e9) : 1
const TIMEOUT_MS = SEEDS * 1_000

describe("the processes of a cluster in a world that fails", () => {
  it(
    `lose, double and reorder nothing, and hand their sessions over, whatever of ${SEEDS} seeds`,
    async () => {
      for (let seed = FIRST; seed < FIRST + SEEDS; seed++) await createSimulation({ seed, cluster }).run()
    },
    TIMEOUT_MS,
  )

  it.each(clusterSeeds)("pass the history that once revealed a fault: $found", async ({ found: _, ...kept }) => {
    await createSimulation({ ...kept, cluster }).run()
  })
})

describe("the simulation of a cluster", () => {
  it("is of two to four processes with every kind of fault, and of the same when its seed is", async () => {
    const worlds = Array.from({ length: 300 }, (_, seed) => createSimulation({ seed, cluster }))
    expect(new Set(worlds.map(({ plan }) => plan.hubs))).toEqual(new Set([2, 3, 4]))
    const made = new Set(worlds.flatMap(({ moves }) => moves.map((move) => move.do)))
    for (const { plan } of worlds) {
      for (const fault of Object.keys(plan.cluster?.faults ?? {})) expect(made).toContain(fault)
    }
    expect(worlds.some(({ plan }) => plan.cluster?.skewMs === 0)).toBe(true)
    expect(worlds.some(({ plan }) => (plan.cluster?.skewMs ?? 0) > 60_000)).toBe(true)
    const [one, same] = [createSimulation({ seed: 12, cluster }), createSimulation({ seed: 12, cluster })]
    expect(await one.run()).toEqual(await same.run())
    expect(one.trace).toBe(same.trace)
  })

  it("hands sessions over again and again", async () => {
    let handed = 0
    for (let seed = 1; seed <= 40; seed++) {
      const simulation = createSimulation({ seed, cluster })
      await simulation.run()
      handed += simulation.trace.split("has taken over").length - 1
    }
    expect(handed).toBeGreaterThan(5)
  })

  it("leaves hubs alone whose plan has no cluster", () => {
    const { plan, moves } = createSimulation({ seed: 5 })
    expect(plan.cluster).toBeUndefined()
    expect(moves.some((move) => move.do === "roll-hub")).toBe(false)
  })
})

describe("the checks of calls", () => {
  const told = (): Calls => {
    const calls = new Calls()
    calls.call("hub", null, "", 10, ["peer"])
    calls.call("hub", "attic", "", 20, [])
    return calls
  }

  it("find a call that is heard twice, too early, by a stranger, or by a peer that has left", () => {
    const twice = told()
    twice.heard("peer", [0, null, ""])
    expect(() => twice.heard("peer", [0, null, ""])).toThrow("twice")
    const early = told()
    early.joined("peer", "attic")
    early.heard("peer", [1, "attic", ""])
    expect(() => early.heard("peer", [0, null, ""])).toThrow("after 1 of the same process")
    expect(() => told().heard("peer", [1, "attic", ""])).toThrow("was never in attic")
    expect(() => told().heard("peer", [7, null, ""])).toThrow("heard the call 7")
    const left = told()
    left.joined("peer", "attic")
    left.left("peer", "attic", 15)
    expect(() => left.heard("peer", [1, "attic", ""])).toThrow("had left attic")
  })

  it("find a call that is missing, and excuse one of another process that a fault may have taken", () => {
    const calls = told()
    expect(calls.missing("peer")).toMatch("the calls 0 were not heard")
    calls.heard("peer", [0, null, ""])
    expect(calls.missing("peer")).toBeUndefined()
    const call = calls.call("other hub", null, "", 30, [])
    calls.expect("peer", call)
    expect(calls.missing("peer")).toMatch("the calls 2 were not heard")
    calls.excuse(25)
    expect(calls.missing("peer")).toBeUndefined()
  })
})
