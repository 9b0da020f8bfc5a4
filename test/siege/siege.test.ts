import { describe, expect, it } from "vitest"
import { detached } from "../../scripts/siege/detached.mjs"
import { origins } from "../../scripts/siege/origins.mjs"
import { oversized } from "../../scripts/siege/oversized.mjs"
import { pausedReaders } from "../../scripts/siege/paused-readers.mjs"
import { twoClaimants } from "../../scripts/siege/two-claimants.mjs"
import { unused } from "../../scripts/siege/unused.mjs"
import { createClock } from "../hostile/clock.ts"

const MIB = 1024 * 1024

/** What is counted and not what is measured: `npm run siege` has a process for each case, and judges its memory. */
function counted(rows: readonly { what: string; value: number; most: number; unit: string }[]): void {
  for (const { what, value, most, unit } of rows) {
    if (!/^(bytes|memory|growth|kept for .* strangers)/.test(what)) {
      expect.soft(value, `${what}, in ${unit || "number"}`).toBeLessThanOrEqual(most)
    }
  }
}

describe("a share of `npm run siege`", () => {
  it("unused sessions are gone in 10 s, and refused above the cap of their address", async () => {
    const { runtime, advance } = createClock()
    const pass = async (ms: number): Promise<void> => advance(ms)
    counted(await unused({ sessions: 15, pass, options: { runtime } }))
  })

  it("bodies and messages that are too large are told so and closed", async () => {
    counted(await oversized({ bytes: 4 * MIB, strangers: 2 }))
  })

  it("paused readers never hold more than the bound, and honest peers notice nothing", async () => {
    counted(await pausedReaders({ readers: 12, rounds: 100, maxKeptBytes: 8 * MIB }))
  })

  it("detached sessions never hold more than the bound, and those that end are told why", async () => {
    counted(await detached({ sessions: 40, bytes: 200_000, maxKeptBytes: 2 * MIB }))
  })

  it("pages of other origins are let in at no door", async () => {
    counted(await origins())
  })

  it("of two that claim a session the later one has it, and the earlier one is told", async () => {
    counted(await twoClaimants())
  })
})
