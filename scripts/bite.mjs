// @ts-check
// Do the tests bite? Plants faults in a copy of the tree, one at a time, and asks who finds each.
// `npm run bite` for all, `npm run bite -- ack` for those whose name holds a word. Exits 1 when one is not found.

import { spawnSync } from "node:child_process"
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { faults } from "./bite/faults.mjs"

/** Cheapest first: the next is asked only when the one before has found nothing. */
const FINDERS = [
  "test/kernel test/client test/server",
  "test/model",
  "test/api test/hostile test/http",
  "test/journeys",
]

const root = fileURLToPath(new URL("..", import.meta.url))
const copy = mkdtempSync(join(tmpdir(), "everwire-bite-"))
for (const entry of ["src", "test", "docs", "package.json", "tsconfig.json", "vitest.config.ts"]) {
  cpSync(join(root, entry), join(copy, entry), { recursive: true })
}
symlinkSync(join(root, "node_modules"), join(copy, "node_modules"))

/**
 * @param {string} finder
 * @returns {string | undefined} the first test that failed
 */
function firstFailure(finder) {
  const run = spawnSync(
    process.execPath,
    ["node_modules/vitest/vitest.mjs", "run", "--bail=1", "--reporter=json", ...finder.split(" ")],
    { cwd: copy, encoding: "utf8", timeout: 180_000, maxBuffer: 1 << 28 },
  )
  if (run.status === 0) return undefined
  try {
    const report = JSON.parse(run.stdout.slice(run.stdout.indexOf('{"numTotal')))
    for (const file of report.testResults) {
      const failed = file.assertionResults.find((/** @type {{ status: string }} */ test) => test.status === "failed")
      if (failed !== undefined) return `${file.name.slice(file.name.indexOf("test/"))}: ${failed.fullName.trim()}`
    }
  } catch {
    // A run that hung or died has no report; that it did is the finding.
  }
  return `${finder}: the run did not end well`
}

const word = process.argv[2] ?? ""
let missed = 0
console.log("| planted fault | found by |\n|---|---|")
for (const { id, file, find, plant } of faults.filter((fault) => fault.id.includes(word))) {
  const path = join(copy, file)
  const source = readFileSync(path, "utf8")
  if (source.split(find).length !== 2) {
    console.log(`| ${id} | cannot be planted: ${file} has changed |`)
    missed++
    continue
  }
  writeFileSync(
    path,
    source.replace(find, () => plant),
  )
  let found
  for (const finder of FINDERS) {
    found = firstFailure(finder)
    if (found !== undefined) break
  }
  writeFileSync(path, source)
  console.log(`| ${id} | ${found ?? "NOBODY"} |`)
  if (found === undefined) missed++
}
rmSync(copy, { recursive: true })
console.log(`\n${missed === 0 ? "every fault was found" : `${missed} not found`}`)
process.exitCode = missed === 0 ? 0 : 1
