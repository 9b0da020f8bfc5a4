import { LawBroken, transportLaws } from "everwire/testing"
import { expect, it } from "vitest"
import { memoryNetwork } from "./rigs/memory-network.ts"

for (const [claim, hand] of [
  ["vanish", "vanish"],
  ["sever", "sever"],
  ["garble", "garble"],
  ["intrude", "intrude"],
  ["repairsLoss", "lose"],
] as const) {
  it(`a subject that claims ${claim} and whose rig has no ${hand}() is told so, and no law is blamed`, async () => {
    const setup = async () => ({ ...(await memoryNetwork.setup()), [hand]: undefined })
    const [law] = transportLaws({ ...memoryNetwork, setup })
    const error: unknown = await law?.run().catch((thrown: unknown) => thrown)
    expect(String(error)).toBe(`Error: the traits claim ${claim}, but the rig has no ${hand}()`)
    expect(error).not.toBeInstanceOf(LawBroken)
  })
}
