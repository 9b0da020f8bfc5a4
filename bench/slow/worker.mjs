// A worker process that runs many cells at the same time.
import { monitorEventLoopDelay } from "node:perf_hooks"
import { answer } from "../processes.mjs"
import { cases } from "./cases.mjs"
import { runCell } from "./cell.mjs"
import { peers } from "./peers.mjs"
import { runSilent } from "./silent.mjs"
import { runSmallBodies } from "./small-bodies.mjs"

const delay = monitorEventLoopDelay({ resolution: 5 })
delay.enable()

answer({
  /** Runs every peer once, so that no cell waits for code to be loaded. */
  async warmUp() {
    const link = { name: "e", rate: 50e6, roundTripMs: 2, queueBytes: 2e6 }
    for (const peer of Object.keys(peers)) await runCell({ ...link, peer })
  },
  run: (cell) => (cases[cell.name].silent ? runSilent(cell) : runCell(cell)),
  runSmallBodies,
  /** Since the last call: the share of a core that this process used, and how late its timers were, in milliseconds. */
  load() {
    const load = { ...used(), p99: delay.percentile(99) / 1e6, max: delay.max / 1e6 }
    delay.reset()
    return load
  },
})

let before = { cpu: process.cpuUsage(), at: performance.now() }
function used() {
  const { user, system } = process.cpuUsage(before.cpu)
  const cores = (user + system) / 1_000 / (performance.now() - before.at)
  before = { cpu: process.cpuUsage(), at: performance.now() }
  return { cores }
}
