// @ts-check
// Mutation testing: plants faults in a copy of the tree, one at a time, and runs the simulator and then the tests to
// see which finds it. Prints a table in Markdown. Exits 1 when a fault is not found.
// `npm run bite` plants all faults, `npm run bite -- ack` those whose id contains a word; `--simulator` runs no tests.

import { spawnSync } from "node:child_process"
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { faults } from "./bite/faults.mjs"

/** Number of seeds that the simulator runs to find a fault. */
const SEEDS = 1_000

/** The tests, fastest first. A step runs only when the one before it has not found the fault. */
const TESTS = [
  "test/wire test/session test/messaging test/client test/server",
  "test/model",
  "test/observe test/auth test/api test/contract test/hostile test/http test/runtimes",
  "test/slow",
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
  return spawnSync(process.execPath, args, { cwd: copy, encoding: "utf8", timeout, maxBuffer: 1 << 28 })
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

/** @returns {Finding | undefined} */
function whoFinds() {
  const seen = askSimulator()
  if (seen !== undefined || values.simulator) return seen
  for (const tests of TESTS) {
    const found = ask(tests)
    if (found !== undefined) return found
  }
  return undefined
}

const [word = ""] = positionals
let missed = 0
console.log("| planted fault | found by | seeds |\n| --- | --- | --- |")
for (const { id, file, find, plant } of faults.filter((fault) => fault.id.includes(word))) {
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
  const found = whoFinds()
  writeFileSync(path, source)
  console.log(`| ${id} | ${found?.by.replaceAll("|", "\\|") ?? "NOBODY"} | ${found?.seeds ?? ""} |`)
  if (found === undefined) missed++
}
rmSync(copy, { recursive: true })
console.log(`\n${missed === 0 ? "every fault was found" : `${missed} not found`}`)
process.exitCode = missed === 0 ? 0 : 1
