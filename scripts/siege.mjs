// @ts-check
// Attacks on a hub: how much memory strangers and peers that do not read can take, which origins are let in, and who
// gets a session that two clients claim.
// `npm run siege`, or `npm run siege -- detached` for one case.
// It measures the built package, each case in a separate process with a heap of 512 MB. Exits 1 when a figure exceeds
// its bound.

import { fork } from "node:child_process"
import { once } from "node:events"
import { fileURLToPath } from "node:url"
import { detached } from "./siege/detached.mjs"
import { held } from "./siege/held.mjs"
import { origins } from "./siege/origins.mjs"
import { oversized } from "./siege/oversized.mjs"
import { pausedReaders } from "./siege/paused-readers.mjs"
import { twoClaimants } from "./siege/two-claimants.mjs"
import { unused } from "./siege/unused.mjs"

/** @typedef {import("./siege/ground.mjs").Row} Row */

/** @type {Record<string, () => Promise<Row[]>>} */
const cases = {
  unused: () => unused({ sessions: 500 }),
  oversized: () => oversized({ bytes: 64 * 1024 * 1024, strangers: 150 }),
  "paused-50": () => pausedReaders({ readers: 50, rounds: 160 }),
  "paused-200": () => pausedReaders({ readers: 200, rounds: 160 }),
  detached: () => detached({ sessions: 1_000 }),
  held: () => held({ sessions: 500, asking: 50, idleMs: 5_000, askMs: 10_000 }),
  origins,
  "two-claimants": twoClaimants,
}

const [role, name = ""] = process.argv.slice(2)
if (role === "case") await judge(name)
else for (const each of role === undefined ? Object.keys(cases) : [role]) await start(each)

/** @param {string} name */
async function start(name) {
  const execArgv = ["--expose-gc", "--max-old-space-size=512"]
  const [code] = await once(fork(fileURLToPath(import.meta.url), ["case", name], { execArgv }), "exit")
  if (code !== 0) process.exitCode = 1
}

/** @param {string} name */
async function judge(name) {
  const run = cases[name]
  if (run === undefined) throw new Error(`no case is called "${name}"; there are ${Object.keys(cases).join(", ")}`)
  console.log(name)
  for (const { what, value, most, unit } of await run()) {
    const isPassed = !(value <= most)
    console.log(
      `  ${isPassed ? "PASSED" : "ok    "} ${what.padEnd(62)} ${figure(value, unit)} of ${figure(most, unit)}`,
    )
    if (isPassed) process.exitCode = 1
  }
  process.exit()
}

/**
 * @param {number} value
 * @param {string} unit
 */
function figure(value, unit) {
  return `${value.toFixed(unit === "MiB" ? 1 : 0).padStart(8)} ${unit}`
}
