// Compares everwire with its peers: npm run bench -- --only echo,broadcast --peers ws,everwire --rounds 5 --quick
import { parseArgs } from "node:util"
import { figures } from "./figures.mjs"
import { measure } from "./measure.mjs"
import { rewritePages, writeReport } from "./report/index.mjs"
import { summarise } from "./report/results.mjs"
import { workloads } from "./workloads/index.mjs"

const { values: options } = parseArgs({
  options: {
    only: { type: "string" },
    peers: { type: "string" },
    rounds: { type: "string" },
    quick: { type: "boolean", default: false },
    report: { type: "boolean", default: false },
  },
})

if (options.report) await rewritePages()
else await run()

async function run() {
  const { quick } = options
  const only = chosen("workload", options.only, new Set(workloads.map(({ name }) => name)))
  const peers = chosen("peer", options.peers, new Set(workloads.flatMap(casesOf).map(([peer]) => peer)))
  const settings = { rounds: Number(options.rounds ?? (quick ? 3 : 15)), roundMs: quick ? 100 : 200 }
  const results = []
  for (const workload of workloads.filter(({ name }) => only.has(name))) {
    for (const variant of workload.variants) {
      const cases = variant.cases.filter(([peer]) => peers.has(peer))
      if (cases.length === 0) continue
      const startedAt = performance.now()
      const measured = await measure(workload, variant, cases, settings)
      results.push({ workload: workload.name, variant: variant.name, cases: measured })
      console.log(`${workload.name}, ${variant.name} (${Math.round((performance.now() - startedAt) / 1_000)} s)`)
      for (const one of measured) console.log(`  ${lineOf(one, workload)}`)
    }
  }
  const whole = options.only === undefined && options.peers === undefined
  await writeReport({ at: new Date().toISOString(), ...settings, quick, whole, results })
  if (results.some(({ cases }) => cases.some(({ failed }) => failed !== undefined))) process.exitCode = 1
}

/** The values of a comma-separated list, or all values. */
function chosen(kind, list, all) {
  if (list === undefined) return all
  const names = new Set(list.split(",").map((name) => name.trim()))
  for (const name of names)
    if (!all.has(name)) throw new Error(`no ${kind} "${name}"; there are ${[...all].join(", ")}`)
  return names
}

function casesOf({ variants }) {
  return variants.flatMap(({ cases }) => cases)
}

function lineOf({ peer, transport, samples, failed }, workload) {
  const texts =
    samples &&
    workload.figures.map((figure) => {
      const { title, unit, digits } = figures[figure]
      return `${title} ${summarise(samples.map((sample) => sample[figure])).median.toFixed(digits)} ${unit}`
    })
  return `${peer.padEnd(10)} ${transport.padEnd(10)} ${failed ?? texts.join(", ")}`
}
