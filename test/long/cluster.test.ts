import { describe, it } from "vitest"
import { startClusterJourney } from "../support/cluster-journey.ts"
import { expectExactlyOnce, plagues, wires } from "../support/exactly-once.ts"

const firstSeed = Number(process.env["EVERWIRE_SEED"] ?? 501)
for (const count of [2, 4]) {
  for (const [row, plague] of plagues.entries()) {
    describe.concurrent(`${count} processes, each request to the next one, for 20 s, while ${plague.plague}`, () => {
      for (const [column, wire] of wires.entries()) {
        it.concurrent(`every message arrives once and in order over ${wire.wire}`, async ({ onTestFinished }) => {
          await expectExactlyOnce({
            ...wire,
            plague,
            durationMs: 20_000,
            firstStrikeMs: 2_000,
            seed: firstSeed + 100 * count + row * wires.length + column,
            onFinished: onTestFinished,
            start: (onFinished) => startClusterJourney(count, onFinished),
          })
        })
      }
    })
  }
}
