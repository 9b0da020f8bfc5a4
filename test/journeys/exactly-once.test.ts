import { describe, it } from "vitest"
import { expectExactlyOnce, plagues, wires } from "../support/exactly-once.ts"

// `npm run test:long` runs the same for 20 s each.
const firstSeed = Number(process.env["EVERWIRE_SEED"] ?? 1)
for (const [row, plague] of plagues.entries()) {
  describe.concurrent(`while ${plague.plague}`, () => {
    for (const [column, wire] of wires.entries()) {
      it.concurrent(`every message arrives once and in order over ${wire.wire}`, async ({ onTestFinished }) => {
        const run = {
          ...wire,
          plague,
          durationMs: 5_000,
          firstStrikeMs: 800,
          seed: firstSeed + row * wires.length + column,
        }
        await expectExactlyOnce({ ...run, onFinished: onTestFinished })
      })
    }
  })
}
