import { describe, expect, it } from "vitest"
import { tally } from "../support/flow.ts"

// Checks the function that judges all journeys.
describe("the tally of a flow", () => {
  it("has no losses when everything was heard once and in order", () => {
    expect(tally(3, [0, 1, 2])).toEqual({ sent: 3, heard: 3, lost: 0, doubled: 0, outOfOrder: 0 })
  })

  it("counts lost messages, also at the end", () => {
    expect(tally(5, [0, 2, 3])).toMatchObject({ lost: 2, doubled: 0, outOfOrder: 0 })
  })

  it("counts every repetition, immediate or later", () => {
    expect(tally(3, [0, 0, 1, 2, 1, 1])).toMatchObject({ lost: 0, doubled: 3, outOfOrder: 0 })
  })

  it("counts messages that came after a later one", () => {
    expect(tally(4, [0, 3, 1, 2])).toMatchObject({ lost: 0, doubled: 0, outOfOrder: 2 })
  })

  it.each([3, -1, 0.5, "1", null])("throws for a message that was never sent: %j", (n) => {
    expect(() => tally(3, [0, n])).toThrow("never sent")
  })
})
