import { execFileSync } from "node:child_process"
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { arch, cpus, platform } from "node:os"
import { fileURLToPath } from "node:url"
import { plot } from "./plots.mjs"
import { targetTable, workloadTables } from "./tables.mjs"

const root = new URL("../../", import.meta.url)
const at = (path) => new URL(path, root)
const LATEST = at("bench/results/latest.json")
const PAGE = at("docs/performance.md")

/**
 * Saves the results and the machine's data. A run of only some workloads or peers goes to files that are not committed.
 */
export async function writeReport({ results, whole, ...run }) {
  const machine = `${cpus()[0].model}, ${cpus().length} cores, ${platform()} ${arch()}`
  const report = { ...run, node: process.version, machine, results }
  writeFileSync(whole ? LATEST : at("bench/results/partial.json"), `${JSON.stringify(report)}\n`)
  if (whole) await rewritePages()
  else writeFileSync(at("bench/results/partial.md"), textOf(report))
}

/** Writes the tables and plots again from the last complete run. */
export async function rewritePages() {
  const report = JSON.parse(readFileSync(LATEST, "utf8"))
  writeFileSync(at("bench/results/latest.md"), textOf(report))
  mkdirSync(at("docs/performance/"), { recursive: true })
  for (const [name, svg] of Object.entries(await plot(report.results))) {
    writeFileSync(at(`docs/performance/${name}.svg`), `${svg}\n`)
  }
  let page = readFileSync(PAGE, "utf8")
  for (const [mark, content] of Object.entries(partsOf(report))) {
    // Only the text between the two marker comments is replaced.
    const place = new RegExp(`(<!-- ${mark} -->)[^]*(<!-- /${mark} -->)`)
    page = page.replace(place, (_all, begin, end) => `${begin}\n\n${content}\n\n${end}`)
  }
  writeFileSync(PAGE, page)
  const formatted = ["docs/performance.md", "bench/results/latest.json", "bench/results/latest.md"]
  execFileSync("npx", ["biome", "format", "--write", ...formatted], { cwd: fileURLToPath(root), stdio: "ignore" })
}

function textOf(report) {
  const { run, targets, workloads } = partsOf(report)
  return `# Results\n\n${run}\n\n## Targets\n\n${targets}\n\n## Workloads\n\n${workloads}\n`
}

function partsOf({ results, at, node, machine, rounds, roundMs, quick }) {
  const form = quick ? "the quick form, which is noisy" : "the default form"
  return {
    run: `Measured on ${at.slice(0, 10)} with Node ${node} on ${machine}: ${rounds} rounds of ${roundMs} ms, ${form}.`,
    targets: targetTable(results),
    workloads: workloadTables(results).join("\n\n"),
  }
}
