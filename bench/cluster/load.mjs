// The load process of a case: node load.mjs <workload> <variant> <case> <transport> <roundMs>. It starts the case's primary.
import { answer, start } from "../processes.mjs"
import { cases } from "./cases.mjs"
import { ClusterBench } from "./cluster-bench.mjs"
import { workloads } from "./workloads/index.mjs"

const [workloadName, variantName, name, , roundMs] = process.argv.slice(2)
const workload = workloads.find((one) => one.name === workloadName)
const variant = workload.variants.find((one) => one.name === variantName)
/** With EVERWIRE_PROFILE=<folder>, CPU profiles of the server processes during the rounds are written there. */
const profiles = process.env.EVERWIRE_PROFILE
const client = await import(`./peers/${cases[name].peer}.mjs`)
const primary = start("cluster/primary.mjs", [name])
const ports = await primary.call("ports")
const bench = new ClusterBench(client, primary, ports, cases[name], Number(roundMs))

answer({
  async prepare() {
    await primary.call("ready")
    await workload.prepare?.(bench, variant, name)
    if (profiles !== undefined) await primary.call("callAll", "profile")
  },
  round: () => workload.round(bench, variant),
  async finish() {
    if (profiles === undefined) return
    const file = `${profiles}/${[workloadName, variantName, name].join(" ").replaceAll(/\W+/g, "-")}`
    for (const n of ports.keys()) await primary.call("call", n, "profiled", `${file}-${n}.cpuprofile`)
  },
})
