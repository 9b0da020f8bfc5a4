import { setTimeout as pause } from "node:timers/promises"
import { start } from "../processes.mjs"
import { idealMs } from "./cases.mjs"

const PROCESSES = 3

/** Fast links need CPU and precise timers, so few of them run at once, and they run last. Rates in bits per second. */
const STAGES = [
  { below: 1e6, atOnce: 80 },
  { below: 5e6, atOnce: 36 },
  { below: Number.POSITIVE_INFINITY, atOnce: 4 },
]

/** Delay between the starts of cells that run at the same time. */
const APART_MS = 50

/** Runs all cells, one stage after another. `onResult` is called with the result of each cell. */
export async function runAll(cells, onResult) {
  const loads = []
  let left = [...cells]
  for (const { below, atOnce } of STAGES) {
    const stage = left.filter(({ rate }) => rate < below)
    left = left.filter(({ rate }) => rate >= below)
    if (stage.length === 0) continue
    loads.push(await runStage(stage, Math.min(atOnce, stage.length), onResult))
  }
  return loads
}

/** Longest cells first, so that the end of a stage does not wait for a single long cell. */
async function runStage(cells, atOnce, onResult) {
  const queue = cells.toSorted((a, b) => idealMs(b) - idealMs(a))
  const processes = Array.from({ length: Math.min(PROCESSES, atOnce) }, () => start("slow/worker.mjs", []))
  await Promise.all(processes.map((one) => one.call("warmUp")))
  await Promise.all(processes.map((one) => one.call("load")))
  const startedAt = performance.now()
  const lane = async (_, n) => {
    // The cells do not start at the same moment, because a start needs much more CPU than the rest.
    await pause(n * APART_MS)
    for (let cell = queue.shift(); cell !== undefined; cell = queue.shift()) {
      try {
        onResult(await processes[n % processes.length].call("run", cell))
      } catch (error) {
        onResult({ ...cell, failed: error.message.split("\n")[0] })
      }
    }
  }
  await Promise.all(Array.from({ length: atOnce }, lane))
  const loads = await Promise.all(processes.map((one) => one.call("load")))
  await Promise.all(processes.map((one) => one.stop()))
  const most = (figure) => Math.max(...loads.map((load) => load[figure]))
  return {
    cells: cells.length,
    atOnce,
    seconds: (performance.now() - startedAt) / 1_000,
    cores: loads.reduce((all, { cores }) => all + cores, 0),
    p99: most("p99"),
    max: most("max"),
  }
}
