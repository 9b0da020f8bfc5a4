// @ts-check
// Mutation testing: plants faults in a copy of the tree, one at a time, and runs the tests and the simulator to see
// which finds it. Prints a table in Markdown. Exits 1 when a fault is not found.
// `npm run bite` plants all faults, `npm run bite -- ack` those whose id or file contains a word; `--simulator` runs no
// tests.
// The test file that found a fault is recorded in `bite/finders.json` and runs first the next time, which takes seconds
// where a search takes minutes.

import { spawnSync } from "node:child_process"
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { faults } from "./bite/faults.mjs"

/** Number of seeds that the simulator runs to find a fault. */
const SEEDS = 1_000

/** Number of histories of each test in `test/model`, which are many more than `npm test` runs. */
const HISTORIES = "2000"

/** The tests, fastest first. A step runs only when none before it has found the fault; the simulator comes last. */
const TESTS = [
  "test/wire test/session test/messaging test/client test/server",
  "test/model",
  "test/bindings test/observe test/auth test/api test/codecs test/contract test/delivery test/payloads test/socket",
  "test/cluster/across test/cluster/durable test/cluster/hand-over test/cluster/any test/cluster/c test/cluster/me test/cluster/relay test/cluster/strands",
  "test/simulation/cluster.test.ts",
  "test/hostile test/http test/runtimes test/balancer test/slow",
  "test/journeys test/laws",
]

/** @typedef {{ by: string, seeds: string }} Finding */

const { values, positionals } = parseArgs({
  options: { simulator: { type: "boolean", default: false } },
  allowPositionals: true,
})
const root = fileURLToPath(new URL("..", import.meta.url))
const copy = mkdtempSync(join(tmpdir(), "everwire-bite-"))
for (const entry of [
  "src",
  "test",
  "docs",
  "scripts",
  "examples",
  "package.json",
  "tsconfig.json",
  "vitest.config.ts",
]) {
  cpSync(join(root, entry), join(copy, entry), { recursive: true })
}
symlinkSync(join(root, "node_modules"), join(copy, "node_modules"))

/**
 * @param {string[]} args
 * @param {number} timeout in milliseconds
 */
function runNode(args, timeout) {
  const env = { ...process.env, HISTORIES }
  return spawnSync(process.execPath, args, { cwd: copy, encoding: "utf8", timeout, maxBuffer: 1 << 28, env })
}

/** @returns {Finding | undefined} the law that the first seed broke, and which seed that was */
function askSimulator() {
  const run = runNode(["scripts/simulate.mjs", "--seeds", String(SEEDS), "--cores", "1"], 120_000)
  if (run.status === 0) return undefined
  const [, seed, law] = /^seed (\d+), move \d+: ([^:\n]+)/m.exec(run.stdout) ?? []
  return { by: `simulator: ${law ?? "a run without end"}`, seeds: seed ?? "" }
}

/**
 * @param {string} tests
 * @returns {Finding | undefined} the first test that failed
 */
function ask(tests) {
  const run = runNode(
    ["node_modules/vitest/vitest.mjs", "run", "--bail=1", "--reporter=json", ...tests.split(" ")],
    180_000,
  )
  if (run.status === 0) return undefined
  try {
    const report = JSON.parse(run.stdout.slice(run.stdout.indexOf('{"numTotal')))
    for (const file of report.testResults) {
      const failed = file.assertionResults.find((/** @type {{ status: string }} */ test) => test.status === "failed")
      if (failed === undefined) continue
      return { by: `\`${file.name.slice(file.name.indexOf("test/"))}\`: ${failed.fullName.trim()}`, seeds: "" }
    }
  } catch {
    // A run that hung or crashed has no report. It counts as having found the fault.
  }
  return { by: `\`${tests}\`: the run did not end well`, seeds: "" }
}

/**
 * @param {string} id
 * @returns {Finding | undefined}
 */
function whoFinds(id) {
  if (values.simulator) return askSimulator()
  const recorded = finders[id]
  const known = recorded === undefined ? undefined : recorded === SIMULATOR ? askSimulator() : ask(recorded)
  if (known !== undefined) return known
  for (const tests of TESTS) {
    const found = ask(tests)
    if (found !== undefined) return found
  }
  return askSimulator()
}

/** What is recorded of a fault that only the simulator finds. */
const SIMULATOR = "simulator"
const findersFile = join(root, "scripts/bite/finders.json")
/** The test file that found each fault the last time. @type {Record<string, string>} */
const finders = JSON.parse(readFileSync(findersFile, "utf8"))

/**
 * Records who found a fault. A new finder has to pass without the fault, or it would find anything.
 *
 * @param {string} id
 * @param {string} by
 * @returns {boolean} whether it is a finder
 */
function record(id, by) {
  const file = by.startsWith(SIMULATOR) ? SIMULATOR : /^`(test\/[^`]+\.ts)`/.exec(by)?.[1]
  if (file === undefined || finders[id] === file) return true
  if (file !== SIMULATOR && ask(file) !== undefined) return false
  finders[id] = file
  const sorted = Object.fromEntries(Object.entries(finders).sort(([one], [other]) => (one < other ? -1 : 1)))
  writeFileSync(findersFile, `${JSON.stringify(sorted, undefined, 2)}\n`)
  return true
}

const [word = ""] = positionals
let missed = 0
console.log("| planted fault | found by | seeds |\n| --- | --- | --- |")
for (const { id, file, find, plant } of faults.filter(({ id, file }) => id.includes(word) || file.includes(word))) {
  const path = join(copy, file)
  const source = readFileSync(path, "utf8")
  if (source.split(find).length !== 2) {
    console.log(`| ${id} | cannot be planted: ${file} has changed | |`)
    missed++
    continue
  }
  writeFileSync(
    path,
    source.replace(find, () => plant),
  )
  const found = whoFinds(id)
  writeFileSync(path, source)
  const isFound = found !== undefined && (values.simulator || record(id, found.by))
  const by = found === undefined ? "NOBODY" : isFound ? found.by : `NOBODY: without the fault it fails too: ${found.by}`
  console.log(`| ${id} | ${by.replaceAll("|", "\\|")} | ${found?.seeds ?? ""} |`)
  if (!isFound) missed++
}
rmSync(copy, { recursive: true })
console.log(`\n${missed === 0 ? "every fault was found" : `${missed} not found`}`)
process.exitCode = missed === 0 ? 0 : 1
