// The server process: node server.mjs <peer> <transport>
import { once } from "node:events"
import { writeFileSync } from "node:fs"
import { createServer } from "node:http"
import { Session } from "node:inspector"
import { setImmediate as turn } from "node:timers/promises"
import { Application } from "./application.mjs"
import { answer } from "./processes.mjs"

const [peer, transport] = process.argv.slice(2)
const { serve } = await import(`./peers/${peer}.mjs`)

// Long timeouts, so that only the load process ends held polls and idle keep-alive connections.
const server = createServer({ keepAliveTimeout: 120_000, requestTimeout: 0 })
const profiler = new Session()
const application = new Application()
application.peer = await serve({ server, application, transport })
server.listen({ port: 0, host: "127.0.0.1", backlog: 4_096 })
await once(server, "listening")

const calls = ["greet", "count", "down", "broadcast", "rooms", "toRooms"]
answer({
  port: () => server.address().port,
  ...Object.fromEntries(calls.map((name) => [name, (...args) => application[name](...args)])),
  /** Starts a CPU profile. */
  profile() {
    profiler.connect()
    profiler.post("Profiler.enable")
    profiler.post("Profiler.start")
  },
  profiled: (file) =>
    profiler.post("Profiler.stop", (_error, { profile }) => writeFileSync(file, JSON.stringify(profile))),
  /** CPU time of this process so far, in microseconds: user and system time together. */
  cpu: () => process.cpuUsage(),
  async memory() {
    for (let n = 0; n < 5; n++) {
      await turn()
      globalThis.gc()
    }
    const { heapUsed, rss } = process.memoryUsage()
    return { heap: heapUsed, rss }
  },
})
