import { describe, expect, it } from "vitest"
import { countTo } from "../support.ts"
import { createStorm } from "./storm.ts"

describe("a durable cluster under random faults", () => {
  it.each(countTo(Number(process.env["SEEDS"] ?? 40)))("seed %i", async (n) => {
    const seed = n + Number(process.env["FROM"] ?? 0)
    const storm = await createStorm(seed)
    for (let at = 0; at < 25; at++) await storm.step()
    await storm.settle()
    expect(storm.findings()).toEqual([])
  })
})
