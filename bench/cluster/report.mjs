import { execFileSync } from "node:child_process"
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { cpus, platform } from "node:os"
import { fileURLToPath } from "node:url"
import { summarise } from "../report/results.mjs"
import { cases } from "./cases.mjs"
import { figures } from "./figures.mjs"
import { workloads } from "./workloads/index.mjs"

const root = new URL("../../", import.meta.url)
const LATEST = new URL("bench/results/cluster.json", root)
const PAGE = new URL("docs/scale.md", root)

/** Keeps results in place of those of an earlier run, and writes the tables of the page. */
export function writeReport(results) {
  const machine = `${cpus()[0].model}, ${cpus().length} cores, ${platform()}`
  const told = results.map((one) => ({ ...one, node: process.version, machine }))
  const isSame = (one, other) => one.workload === other.workload && one.variant === other.variant
  const kept = readResults().filter((before) => !told.some((one) => isSame(one, before)))
  writeFileSync(LATEST, `${JSON.stringify([...kept, ...told])}\n`)
  rewritePage()
}

function readResults() {
  return existsSync(LATEST) ? JSON.parse(readFileSync(LATEST, "utf8")) : []
}

/** Writes the tables again from the last results. */
export function rewritePage() {
  const results = readResults()
  let page = readFileSync(PAGE, "utf8")
  for (const workload of workloads) {
    const measured = workload.variants.flatMap(({ name }) =>
      results.filter((one) => one.workload === workload.name && one.variant === name),
    )
    if (measured.length === 0) continue
    const content = measured.map((variant) => `${tableOf(workload, variant)}\n\n${runOf(variant)}`).join("\n\n")
    // Only the text between the two marker comments is replaced.
    const place = new RegExp(`(<!-- ${workload.name} -->)[^]*(<!-- /${workload.name} -->)`)
    page = page.replace(place, (_all, from, to) => `${from}\n\n${content}\n\n${to}`)
  }
  writeFileSync(PAGE, page)
  const written = [PAGE, LATEST].map((url) => fileURLToPath(url))
  execFileSync("npx", ["biome", "format", "--write", ...written], { cwd: fileURLToPath(root), stdio: "ignore" })
}

function runOf({ at, node, machine, cases: measured, load }) {
  const rounds = measured.find(({ samples }) => samples !== undefined)?.samples.length
  return `${at.slice(0, 16).replace("T", " ")}, Node ${node}, ${machine}: ${rounds} rounds, load of the machine ${load.toFixed(0)}.`
}

function tableOf(workload, variant) {
  const { length } = workload.variants
  const heads = workload.figures.map((name) => headOf(name))
  const rows = variant.cases.map((one) => rowOf(workload, variant, one))
  return table([length > 1 ? variant.variant : workload.title, ...heads], rows)
}

function headOf(name) {
  const { title, unit } = figures[name]
  return unit === undefined ? title : `${title}, ${unit}`
}

/** Each figure's median, and the median of its ratios to the reference in the same round. */
function rowOf(workload, variant, { peer, samples, failed }) {
  const { title } = cases[peer]
  if (failed !== undefined) return [title, `failed: ${failed}`]
  const reference = variant.cases.find((one) => one.peer === workload.reference)?.samples
  const cells = workload.figures.map((name) => {
    const value = summarise(samples.map((sample) => sample[name])).median.toFixed(figures[name].digits)
    const ratio = reference && summarise(samples.map((sample, n) => sample[name] / reference[n]?.[name])).median
    const isTold = name !== "store" && peer !== workload.reference && Number.isFinite(ratio)
    return isTold ? `${value} (${ratio.toFixed(2)} ×)` : value
  })
  return [title, ...cells]
}

function table(heads, rows) {
  return [heads, heads.map(() => "---"), ...rows]
    .map((cells) => `| ${heads.map((_, n) => cells[n] ?? "").join(" | ")} |`)
    .join("\n")
}
