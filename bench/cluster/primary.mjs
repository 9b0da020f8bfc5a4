// The primary process of a case: node primary.mjs <case>. It starts the case's store and its server processes.
import cluster from "node:cluster"
import { once } from "node:events"
import { fileURLToPath } from "node:url"
import { setupPrimary } from "@socket.io/cluster-adapter"
import { serveProcesses } from "../../dist/cluster.js"
import { answer, callerOf, start } from "../processes.mjs"
import { cases } from "./cases.mjs"
import { startStore } from "./stores.mjs"

// The servers end before their store, about which they would complain.
process.once("exit", () => {
  for (const { process: child } of Object.values(cluster.workers)) child.kill("SIGKILL")
})

const [name] = process.argv.slice(2)
const { peer, store: kind, processes = 2, isDurable } = cases[name]

const inPrimary = { cpu: cpuOfThis }
const store = kind === undefined || kind === "processes" ? inPrimary : await startStore(kind, isDurable)
if (kind === "processes") peer === "everwire" ? serveProcesses() : setupPrimary()
cluster.setupPrimary({
  exec: fileURLToPath(new URL("worker.mjs", import.meta.url)),
  args: [name, store.port ?? ""],
  execArgv: ["--expose-gc"],
})
const workers = await Promise.all(
  Array.from({ length: processes }, async (_, n) => {
    const worker = cluster.fork()
    // What is sent to a worker before its own listener is there, `node:cluster` takes for itself.
    await once(worker, "message")
    return callerOf(worker, `worker ${n} of ${name}`)
  }),
)

answer({
  ports: () => Promise.all(workers.map((worker) => worker.call("port"))),
  ready: () => Promise.all(workers.map((worker) => worker.call("ready"))),
  /** Calls a function of one of the server processes. */
  call: (worker, name, ...args) => workers[worker].call(name, ...args),
  callAll: (name, ...args) => Promise.all(workers.map((worker) => worker.call(name, ...args))),
  /** Starts so many more hubs, which only tell that they live. They are in one process, with a connection each. */
  crowd: (count) => start("cluster/crowd.mjs", [name, store.port ?? ""]).call("join", count),
  /** CPU time so far, in microseconds: of each server process, and of what joins them. */
  async cpu() {
    const servers = await Promise.all(workers.map((worker) => worker.call("cpu")))
    return { servers: servers.map(({ user, system }) => user + system), store: kind === undefined ? 0 : store.cpu() }
  },
})

function cpuOfThis() {
  const { user, system } = process.cpuUsage()
  return user + system
}
