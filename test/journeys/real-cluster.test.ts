import { describe, it } from "vitest"
import { expectExactlyOnce, plagues, wires } from "../support/exactly-once.ts"
import { expectNothingLost } from "../support/real-cluster/durable.ts"
import { placeOn } from "../support/real-cluster/place.ts"
import { startRealCluster } from "../support/real-cluster/real-cluster.ts"
import { expectExactlyOnceThroughRestart } from "../support/real-cluster/restart.ts"

// `npm run cluster` runs the same for 20 s each, with 4 processes, and over Redis and NATS too.
const transports = wires.slice(0, 4).map((wire) => wire.transports)

describe("real processes behind a proxy that sends each request to the next one", { timeout: 60_000 }, () => {
  it("are both replaced under load: no message is lost, doubled or out of order, and no session ends", async ({
    onTestFinished,
  }) => {
    await expectExactlyOnceThroughRestart({
      store: "processes",
      count: 2,
      talks: transports,
      onFinished: onTestFinished,
    })
  })

  it("lose nothing of a durable session while its process is killed again and again", async ({ onTestFinished }) => {
    await expectNothingLost({
      store: "processes",
      transports: ["websocket"],
      ms: 5_000,
      signal: "SIGKILL",
      onFinished: onTestFinished,
    })
  })

  const plague = plagues[0]
  it(`hear every message once and in order over all four transports, while ${plague?.plague}`, async ({
    onTestFinished,
  }) => {
    if (plague === undefined) throw new Error("no plague")
    const cluster = await startRealCluster({ store: "processes", count: 2 })
    onTestFinished(() => cluster.close())
    const runs = wires.map((wire, column) =>
      expectExactlyOnce({
        ...wire,
        plague,
        durationMs: 5_000,
        firstStrikeMs: 800,
        seed: 701 + column,
        onFinished: onTestFinished,
        start: (onFinished) => placeOn(cluster, onFinished),
      }),
    )
    await Promise.all(runs)
  })
})
