import { describe, expect, it } from "vitest"
import { type Candidate, planClimb } from "../../src/client/connect/ladder.ts"

const fine = (...ranks: number[]): Candidate[] => ranks.map((rank) => ({ rank, holds: false, brokenUntil: 0 }))
const broken = (...ranks: number[]): Candidate[] => ranks.map((rank) => ({ rank, holds: false, brokenUntil: 600_000 }))

describe("the plan of a climb", () => {
  it.each([
    ["goes down the ladder that the user gave", fine(0, 1, 2, 3), [0, 1, 2, 3]],
    ["does so in whatever order the rungs come", fine(2, 0, 3, 1), [0, 1, 2, 3]],
    ["tries last what is believed broken", [...broken(0, 2), ...fine(1, 3)], [1, 3, 0, 2]],
    ["tries even a ladder that is broken all over, before the server is believed away", broken(1, 0), [0, 1]],
    [
      "begins with what failed longest ago",
      [
        { rank: 0, holds: false, brokenUntil: 2 },
        { rank: 1, holds: false, brokenUntil: 1 },
      ],
      [1, 0],
    ],
    ["is empty without rungs", [], []],
  ])("%s", (_, candidates, plan) => {
    expect(planClimb(candidates).map(({ rank }) => rank)).toEqual(plan)
  })

  it("does not change the list that it was given", () => {
    const candidates = fine(1, 0)
    planClimb(candidates)
    expect(candidates).toEqual(fine(1, 0))
  })
})
