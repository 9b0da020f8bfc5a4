import { LawBroken, transportLaws } from "everwire/testing"
import { describe, expect, it } from "vitest"
import { keepsTheLaws } from "./keeps-the-laws.ts"
import { memoryNetwork } from "./rigs/memory-network.ts"
import { saboteurs } from "./saboteurs/index.ts"
import { MAX_BATCH_BYTES, type Sabotage, spoil } from "./saboteurs/sabotage.ts"

/** The network that saboteurs spoil. Its batches are small, because every law runs against each saboteur. */
const honest = { ...memoryNetwork, traits: { ...memoryNetwork.traits, maxBatchBytes: MAX_BATCH_BYTES } }

keepsTheLaws({ ...spoil(honest, {}), name: "a saboteur who does nothing" })

it("every law has a saboteur, and every saboteur a law", () => {
  const laws = transportLaws(honest).map(({ id }) => id)
  expect([...new Set(saboteurs.map(({ law }) => law))]).toEqual(laws)
})

describe("the laws detect a transport that", () => {
  for (const { law, wrong, why, also = [], ...sabotage } of saboteurs) {
    it(`${wrong} (${law})`, async () => {
      const broken = await brokenBy(sabotage)
      expect(broken.get(law)).toMatch(why)
      // No other law fails, except those that this fault makes impossible to keep.
      expect([...broken.keys()].sort()).toEqual([law, ...also].sort())
    })
  }
})

/** The message of each law that fails. */
async function brokenBy(sabotage: Sabotage): Promise<Map<string, string>> {
  const broken = new Map<string, string>()
  for (const { id, run } of transportLaws(spoil(honest, sabotage))) {
    try {
      await run()
    } catch (error) {
      // Any other error is a mistake in the saboteur itself.
      if (!(error instanceof LawBroken)) throw error
      broken.set(id, error.message)
    }
  }
  return broken
}
