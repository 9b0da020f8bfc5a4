import { describe, expect, it } from "vitest"
import { createStorm } from "./storm.ts"

// Seeds that once found something, and as many others as take a few seconds.
const SEEDS = [7, 10, 16, 21, 25, 35, 42, 77, 102, 108, 125, 176, 283, 341, 445, 539, 1_001, 1_002, 1_003, 1_004, 1_005]

describe("a durable cluster of three processes under random faults", () => {
  it.each(SEEDS)("loses, doubles and reorders nothing: seed %i", async (seed) => {
    const storm = await createStorm(seed)
    for (let at = 0; at < 25; at++) await storm.step()
    await storm.settle()
    expect(storm.findings()).toEqual([])
  })
})
