import { describe, expect, it } from "vitest"
import { backoffMs } from "../../src/client/connect/backoff.ts"

describe("the back-off before the next climb", () => {
  it.each([
    [0, 500],
    [1, 1_000],
    [2, 2_000],
    [5, 16_000],
    [6, 20_000],
    [50, 20_000],
    [5_000, 20_000],
  ])("after %i failures is at most %i ms: doubled each time, up to a maximum", (failures, mostMs) => {
    expect(backoffMs(failures, 1)).toBe(mostMs)
  })

  it("is random over that whole range, so that many clients do not come back at once", () => {
    expect([0, 0.25, 0.5, 0.999].map((random) => backoffMs(2, random))).toEqual([0, 500, 1_000, 1_998])
  })
})
