// What a cluster costs: npm run bench:cluster -- --only up,wide --variant "16 per tick" --cases owner,redis --rounds 5
import { loadavg } from "node:os"
import { parseArgs } from "node:util"
import { measure } from "../measure.mjs"
import { summarise } from "../report/results.mjs"
import { figures } from "./figures.mjs"
import { rewritePage, writeReport } from "./report.mjs"
import { workloads } from "./workloads/index.mjs"

const { values: options } = parseArgs({
  options: {
    only: { type: "string" },
    variant: { type: "string" },
    cases: { type: "string" },
    rounds: { type: "string", default: "10" },
    report: { type: "boolean", default: false },
  },
})

if (options.report) rewritePage()
else await run()

async function run() {
  const [only, wanted] = [options.only, options.cases].map((list) => list?.split(","))
  const settings = { rounds: Number(options.rounds), roundMs: 400, file: "cluster/load.mjs", limitMs: 600_000 }
  let hasFailed = false
  // The results of each workload are kept when it ends. One of which some cases were left out or failed is printed alone.
  for (const workload of workloads.filter(({ name }) => only?.includes(name) ?? true)) {
    const results = []
    for (const variant of workload.variants.filter(({ name }) => name === (options.variant ?? name))) {
      const names = variant.cases.filter((name) => wanted?.includes(name) ?? true)
      const pairs = names.map((name) => [name, "websocket"])
      const at = new Date().toISOString()
      const measured = await measure(workload, variant, pairs, settings)
      results.push({ workload: workload.name, variant: variant.name, at, load: loadavg()[0], cases: measured })
      console.log(`${workload.name}, ${variant.name}`)
      for (const one of measured) console.log(`  ${lineOf(one, workload, measured)}`)
    }
    if (results.some(({ cases }) => cases.some(({ failed }) => failed !== undefined))) hasFailed = true
    else if (wanted === undefined) writeReport(results)
  }
  if (hasFailed) process.exitCode = 1
}

function lineOf({ peer, samples, failed }, workload, measured) {
  if (failed !== undefined) return `${peer.padEnd(12)} ${failed}`
  const reference = measured.find((one) => one.peer === workload.reference)?.samples
  const texts = workload.figures.map((figure) => {
    const { title, unit = "", digits } = figures[figure]
    const { median } = summarise(samples.map((sample) => sample[figure]))
    const ratio = reference && summarise(samples.map((sample, n) => sample[figure] / reference[n]?.[figure])).median
    return `${title} ${median.toFixed(digits)} ${unit} (${ratio?.toFixed(2)} x)`
  })
  return `${peer.padEnd(12)} ${texts.join(", ")}`
}
