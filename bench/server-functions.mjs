import { writeFileSync } from "node:fs"
import { Session } from "node:inspector"
import { setImmediate as turn } from "node:timers/promises"

/** The functions that a server process serves to the process that measures it. */
export function functionsOf(application, server) {
  const calls = ["greet", "count", "down", "broadcast", "rooms", "toRooms"]
  const profiler = new Session()
  return {
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
    /** CPU time of this process so far, in microseconds: user and system time. */
    cpu: () => process.cpuUsage(),
    async memory() {
      for (let n = 0; n < 5; n++) {
        await turn()
        globalThis.gc()
      }
      const { heapUsed, rss } = process.memoryUsage()
      return { heap: heapUsed, rss }
    },
  }
}
