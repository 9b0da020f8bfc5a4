// A server process of a case: node worker.mjs <case> <port of the store>. A worker of `node:cluster`.
import { once } from "node:events"
import { createServer } from "node:http"
import { setTimeout as pause, setImmediate as turn } from "node:timers/promises"
import { Application } from "../application.mjs"
import { payload } from "../payload.mjs"
import { answer } from "../processes.mjs"
import { functionsOf } from "../server-functions.mjs"
import { cases } from "./cases.mjs"

const [name, storePort] = process.argv.slice(2)
const { peer, ...given } = cases[name]
const { serve } = await import(`./peers/${peer}.mjs`)

const server = createServer({ keepAliveTimeout: 120_000, requestTimeout: 0 })
const application = new Application()
application.peer = await serve({ server, application, ...given, storePort })
// A port of its own: otherwise the workers of `node:cluster` share one.
server.listen({ port: 0, host: "127.0.0.1", backlog: 4_096, exclusive: true })
await once(server, "listening")

answer({
  ...functionsOf(application, server),
  /** Resolves when the processes know each other. */
  ready: () => application.peer.ready(),
  /** Broadcasts `perTick` messages in each of so many ticks. Returns when each was said, in ms of the machine's clock. */
  async timed(ticks, perTick, everyMs) {
    const times = []
    for (let tick = 0; tick < ticks; tick++) {
      for (let n = 0; n < perTick; n++) {
        times.push(Number(process.hrtime.bigint()) / 1e6)
        application.peer.broadcast("down", payload(n))
      }
      await (everyMs === 0 ? turn() : pause(everyMs))
    }
    return times
  },
})
process.send("serves")
