import { afterAll, beforeAll, describe, it } from "vitest"
import { has, miss } from "../../cluster/rigs/servers.ts"
import { expectExactlyOnce, plagues, wires } from "../../support/exactly-once.ts"
import { placeOn } from "../../support/real-cluster/place.ts"
import { type RealCluster, startRealCluster, stores } from "../../support/real-cluster/real-cluster.ts"

miss("redis-server")
miss("nats-server")
const firstSeed = Number(process.env["EVERWIRE_SEED"] ?? 901)
for (const store of stores) {
  for (const count of [2, 4]) {
    describe.skipIf(store !== "processes" && !has(`${store}-server`))(
      `${count} processes over ${store}, each request to the next one, for 20 s`,
      () => {
        let cluster: RealCluster
        beforeAll(async () => {
          cluster = await startRealCluster({ store, count })
        })
        afterAll(() => cluster.close())

        for (const [row, plague] of plagues.entries()) {
          describe(`while ${plague.plague}`, () => {
            for (const [column, wire] of wires.entries()) {
              it.concurrent(`every message arrives once and in order over ${wire.wire}`, async ({ onTestFinished }) => {
                await expectExactlyOnce({
                  ...wire,
                  plague,
                  durationMs: 20_000,
                  firstStrikeMs: 2_000,
                  seed: firstSeed + 100 * count + row * wires.length + column,
                  onFinished: onTestFinished,
                  start: (onFinished) => placeOn(cluster, onFinished),
                })
              })
            }
          })
        }
      },
    )
  }
}
