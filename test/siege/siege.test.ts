import { describe, expect, it } from "vitest"
import { detached } from "../../scripts/siege/detached.mjs"
import { held } from "../../scripts/siege/held.mjs"
import { origins } from "../../scripts/siege/origins.mjs"
import { oversized } from "../../scripts/siege/oversized.mjs"
import { pausedReaders } from "../../scripts/siege/paused-readers.mjs"
import { twoClaimants } from "../../scripts/siege/two-claimants.mjs"
import { unused } from "../../scripts/siege/unused.mjs"
import { createClock } from "../hostile/clock.ts"

const MIB = 1024 * 1024

/** Checks the counts only. Memory is judged by `npm run siege`, which runs each case in a process of its own. */
function counted(rows: readonly { what: string; value: number; most: number; unit: string }[]): void {
  for (const { what, value, most, unit } of rows) {
    if (!/^(bytes|memory|growth|kept for .* strangers|processor time|round trip)/.test(what)) {
      expect.soft(value, `${what}, in ${unit || "number"}`).toBeLessThanOrEqual(most)
    }
  }
}

describe("a share of `npm run siege`", () => {
  it("unused sessions are removed in 10 s, and refused above the limit of their address", async () => {
    const { runtime, advance } = createClock()
    const pass = async (ms: number): Promise<void> => advance(ms)
    counted(await unused({ sessions: 15, pass, options: { runtime } }))
  })

  it("bodies and messages that are too large are answered with a code and closed", async () => {
    counted(await oversized({ bytes: 4 * MIB, strangers: 2 }))
  })

  it("clients that do not read never make the hub hold more than its limit, nor affect healthy peers", async () => {
    counted(await pausedReaders({ readers: 12, rounds: 100, maxKeptBytes: 8 * MIB }))
  })

  it("sessions without a link never hold more than the limit, and those that end are told why", async () => {
    counted(await detached({ sessions: 40, bytes: 200_000, maxKeptBytes: 2 * MIB }))
  })

  it("idle sessions open on every transport, and all that is asked while many ask is answered", async () => {
    // Clients of the built package: `npm test` builds it first.
    counted(await held({ sessions: 20, asking: 5, idleMs: 200, askMs: 600 }))
  })

  it("pages of other origins are admitted on no transport", async () => {
    counted(await origins())
  })

  it("of two clients that claim a session the later one has it, and the earlier one is told", async () => {
    counted(await twoClaimants())
  })
})
