import { describe, it } from "vitest"
import { expectExactlyOnce, plagues, wires } from "../support/exactly-once.ts"

const firstSeed = Number(process.env["EVERWIRE_SEED"] ?? 101)
for (const [row, plague] of plagues.entries()) {
  describe.concurrent(`for 20 s, while ${plague.plague}`, () => {
    for (const [column, wire] of wires.entries()) {
      it.concurrent(`every message arrives once and in order over ${wire.wire}`, async ({ onTestFinished }) => {
        const seed = firstSeed + row * wires.length + column
        const run = { ...wire, plague, durationMs: 20_000, firstStrikeMs: 2_000, seed }
        await expectExactlyOnce({ ...run, onFinished: onTestFinished })
      })
    }
  })
}
