import { describe, it } from "vitest"
import { has, miss } from "../../cluster/rigs/servers.ts"
import { wires } from "../../support/exactly-once.ts"
import { stores } from "../../support/real-cluster/real-cluster.ts"
import { expectExactlyOnceThroughRestart } from "../../support/real-cluster/restart.ts"

miss("redis-server")
miss("nats-server")
for (const store of stores) {
  describe.skipIf(store !== "processes" && !has(`${store}-server`))(`over ${store}`, () => {
    it.for([2, 4])(
      "every one of %i processes is replaced under load: no message is lost, doubled or out of order, and no session ends",
      async (count, { onTestFinished }) => {
        const talks = wires.flatMap(({ transports }) => [transports, transports])
        await expectExactlyOnceThroughRestart({ store, count, talks, onFinished: onTestFinished })
      },
    )
  })
}
