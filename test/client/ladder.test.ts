import { describe, expect, it } from "vitest"
import { type Candidate, type LastStart, nextStartAt, planClimb } from "../../src/client/connect/ladder.ts"

const fine = (...ranks: number[]): Candidate[] => ranks.map((rank) => ({ rank, brokenUntil: 0 }))
const broken = (...ranks: number[]): Candidate[] => ranks.map((rank) => ({ rank, brokenUntil: 600_000 }))

describe("the plan of a climb", () => {
  it.each([
    ["goes down the ladder that the user gave", fine(0, 1, 2, 3), [0, 1, 2, 3]],
    ["does so in whatever order the rungs come", fine(2, 0, 3, 1), [0, 1, 2, 3]],
    ["tries last what is believed broken", [...broken(0, 2), ...fine(1, 3)], [1, 3, 0, 2]],
    ["tries even a ladder that is broken all over, before the server is believed away", broken(1, 0), [0, 1]],
    [
      "begins with what failed longest ago",
      [
        { rank: 0, brokenUntil: 2 },
        { rank: 1, brokenUntil: 1 },
      ],
      [1, 0],
    ],
    ["is empty without rungs", [], []],
  ])("%s", (_, candidates, plan) => {
    expect(planClimb(candidates)).toEqual(plan)
  })

  it("does not change the list that it was given", () => {
    const candidates = fine(1, 0)
    planClimb(candidates)
    expect(candidates).toEqual(fine(1, 0))
  })
})

describe("the next rung of a climb", () => {
  const last: LastStart = { startedAt: 1_000, over: false }

  it.each<[string, number, LastStart | undefined, number, number]>([
    ["the first is due at once", 0, undefined, 0, 0],
    ["the second 300 ms after it", 1, last, 0, 1_300],
    ["or two round trips, where those are longer", 1, last, 400, 1_800],
    ["but 300 ms where they are not", 1, last, 100, 1_300],
    ["the third 1.2 s from the beginning", 2, { ...last, startedAt: 1_300 }, 0, 2_200],
    ["whatever the round trip", 2, { ...last, startedAt: 1_300 }, 5_000, 2_200],
    ["the fourth 2.5 s from the beginning", 3, { ...last, startedAt: 2_200 }, 0, 3_500],
    ["any further one as long after", 7, last, 0, 2_300],
    ["at once when the one before it has failed", 2, { ...last, over: true }, 5_000, 0],
  ])("is due: %s", (_, started, before, rttMs, at) => {
    expect(nextStartAt(started, before, rttMs)).toBe(at)
  })

  it("is due 4 s later where a link that worked has broken, but at once when the transport before it has failed", () => {
    expect(nextStartAt(1, last, 0, 4_000)).toBe(5_000)
    expect(nextStartAt(2, last, 0, 4_000)).toBe(5_000)
    expect(nextStartAt(1, { ...last, over: true }, 0, 4_000)).toBe(0)
  })
})
