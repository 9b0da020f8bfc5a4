import { figures } from "../figures.mjs"
import { workloads } from "../workloads/index.mjs"
import { ratioOf, samplesOf, summarise } from "./results.mjs"
import { judge } from "./targets.mjs"

/** The targets, and whether each is met. */
export function targetTable(results) {
  const rows = judge(results).map(({ title, target, everwire, best, met }) => [
    title,
    target,
    `${met ? "" : "**"}${everwire.median.toFixed(2)}${met ? "" : "**"} (${spread(everwire, 2)})`,
    met ? "met" : "**missed**",
    best === undefined ? "" : `${best.median.toFixed(2)} ${best.peer}`,
  ])
  return table(["figure", "target", "everwire", "", "best peer"], rows)
}

/** All figures of one workload: the median of each, between what it lay, and its ratio to the reference. */
export function workloadTables(results) {
  return results.map(({ workload: name, variant: variantName, cases }) => {
    const workload = workloads.find((one) => one.name === name)
    const variant = workload.variants.find((one) => one.name === variantName)
    const rows = cases.map((one) => rowOf({ cases }, one, workload.figures, variant))
    const heads = workload.figures.flatMap((figure) => {
      const { title, unit } = figures[figure]
      return variant.reference === undefined ? [`${title}, ${unit}`] : [`${title}, ${unit}`, `to ${variant.reference}`]
    })
    return `### ${workload.title}: ${variantName}\n\n${table(["peer", "transport", ...heads], rows)}`
  })
}

function rowOf(variant, { peer, transport, failed }, names, { reference, cases }) {
  if (failed !== undefined) return [peer, transport, `failed: ${failed}`]
  const cells = names.flatMap((name) => {
    const { digits } = figures[name]
    const summary = summarise(samplesOf(variant, [peer, transport], name))
    const cell = `${summary.median.toFixed(digits)} (${spread(summary, digits)})`
    if (reference === undefined) return [cell]
    const ratio = ratioOf(
      variant,
      [peer, transport],
      cases.find(([peer]) => peer === reference),
      name,
    )
    return [cell, ratio === undefined ? "" : ratio.median.toFixed(2)]
  })
  return [peer, transport, ...cells]
}

function spread({ min, max }, digits) {
  return `${min.toFixed(digits)}–${max.toFixed(digits)}`
}

function table(heads, rows) {
  const lines = [heads, heads.map(() => "---"), ...rows]
  return lines.map((cells) => `| ${heads.map((_, n) => cells[n] ?? "").join(" | ")} |`).join("\n")
}
