// What a cluster costs: npm run bench:cluster -- --only up,wide --cases owner,redis --rounds 5 --quick
import { loadavg } from "node:os"
import { parseArgs } from "node:util"
import { measure } from "../measure.mjs"
import { summarise } from "../report/results.mjs"
import { figures } from "./figures.mjs"
import { workloads } from "./workloads/index.mjs"

const { values: options } = parseArgs({
  options: {
    only: { type: "string" },
    variant: { type: "string" },
    cases: { type: "string" },
    rounds: { type: "string" },
    quick: { type: "boolean", default: false },
  },
})
const { quick } = options
const only = options.only?.split(",")
const wanted = options.cases?.split(",")
const settings = {
  rounds: Number(options.rounds ?? (quick ? 3 : 15)),
  roundMs: quick ? 200 : 400,
  file: "cluster/load.mjs",
}
const results = []
for (const workload of workloads.filter(({ name }) => only?.includes(name) ?? true)) {
  for (const variant of workload.variants.filter(
    ({ name }) => options.variant === undefined || name === options.variant,
  )) {
    const cases = variant.cases.filter((name) => wanted?.includes(name) ?? true)
    const measured = await measure(
      workload,
      variant,
      cases.map((name) => [name, "websocket"]),
      settings,
    )
    results.push({ workload: workload.name, variant: variant.name, load: loadavg()[0], cases: measured })
    console.log(`${workload.name}, ${variant.name}`)
    for (const one of measured) console.log(`  ${lineOf(one, workload, measured)}`)
  }
}
function lineOf({ peer, samples, failed }, workload, measured) {
  const reference = measured.find((one) => one.peer === workload.reference)?.samples
  const texts =
    samples &&
    workload.figures.map((figure) => {
      const { title, unit, digits } = figures[figure]
      const { median } = summarise(samples.map((sample) => sample[figure]))
      const ratio = reference
        ? summarise(samples.map((sample, n) => sample[figure] / reference[n][figure])).median
        : Number.NaN
      return `${title} ${median.toFixed(digits)} ${unit} (x${ratio.toFixed(2)})`
    })
  return `${peer.padEnd(12)} ${failed ?? texts.join(", ")}`
}
