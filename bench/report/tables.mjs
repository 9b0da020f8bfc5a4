import { figures } from "../figures.mjs"
import { workloads } from "../workloads/index.mjs"
import { ratioOf, samplesOf, summarise } from "./results.mjs"
import { judge } from "./targets.mjs"

/** The targets, and whether each is met. */
export function targetTable(results) {
  const rows = judge(results).map(({ title, target, everwire, best, floor, byHand, met }) => [
    title,
    target,
    `${met ? "" : "**"}${everwire.median.toFixed(2)}${met ? "" : "**"}${spread(everwire, 2)}`,
    met ? "met" : "**missed**",
    best === undefined ? "" : `${best.median.toFixed(2)} ${best.peer}`,
    floor?.median.toFixed(2),
    byHand?.median.toFixed(2),
  ])
  return table(["figure", "target", "everwire", "", "best peer", "floor", "by hand"], rows)
}

/** All figures of each workload: the median, the range, and the ratio to the reference. */
export function workloadTables(results) {
  return workloads.flatMap((workload) => {
    const measured = results.filter((one) => one.workload === workload.name)
    if (measured.length === 0) return []
    if (workload.column !== undefined) return [`### ${workload.title}\n\n${rowsTable(workload, measured)}`]
    return measured.map((one) => {
      const variant = workload.variants.find(({ name }) => name === one.variant)
      return `### ${workload.title}: ${variant.name}\n\n${casesTable(workload, variant, one)}`
    })
  })
}

function casesTable(workload, variant, measured) {
  const heads = workload.figures.flatMap((name) => [headOf(name), `to ${variant.reference}`])
  const reference = variant.cases.find(([peer]) => peer === variant.reference)
  const rows = measured.cases.map(({ peer, transport, failed }) => {
    if (failed !== undefined) return [peer, transport, `failed: ${failed}`]
    const cells = workload.figures.flatMap((name) => {
      const ratio = ratioOf(measured, [peer, transport], reference, name)
      return [cellOf(measured, [peer, transport], name), Number.isFinite(ratio?.median) ? ratio.median.toFixed(2) : ""]
    })
    return [peer, transport, ...cells]
  })
  return table(["peer", "transport", ...heads], rows)
}

/** A workload of everwire only: one row per variant, with its limit. */
function rowsTable(workload, measured) {
  const rows = measured.map((one) => {
    const [{ peer, transport, failed }] = one.cases
    const { boundMs } = workload.variants.find(({ name }) => name === one.variant)
    return [
      one.variant,
      ...workload.figures.map((name) => failed ?? cellOf(one, [peer, transport], name)),
      `${boundMs} ms`,
    ]
  })
  return table([workload.column, ...workload.figures.map(headOf), "promised, and a few ms"], rows)
}

function headOf(figure) {
  const { title, unit } = figures[figure]
  return `${title}, ${unit}`
}

function cellOf(variant, one, figure) {
  const { digits } = figures[figure]
  const summary = summarise(samplesOf(variant, one, figure))
  return `${summary.median.toFixed(digits)}${spread(summary, digits)}`
}

function spread({ min, max }, digits) {
  return min === max ? "" : ` (${min.toFixed(digits)}–${max.toFixed(digits)})`
}

function table(heads, rows) {
  const lines = [heads, heads.map(() => "---"), ...rows]
  return lines.map((cells) => `| ${heads.map((_, n) => cells[n] ?? "").join(" | ")} |`).join("\n")
}
