// The load process: node load.mjs <workload> <variant> <peer> <transport> <roundMs>. It starts its server.
import { Bench } from "./bench.mjs"
import { checkCorrectness } from "./correctness.mjs"
import { answer, start } from "./processes.mjs"
import { workloads } from "./workloads/index.mjs"

const [workloadName, variantName, peer, transport, roundMs] = process.argv.slice(2)
const workload = workloads.find(({ name }) => name === workloadName)
const variant = workload.variants.find(({ name }) => name === variantName)
/** With EVERWIRE_PROFILE=<folder>, a CPU profile of the server during the rounds is written there. */
const profiles = process.env.EVERWIRE_PROFILE
const client = await import(`./peers/${peer}.mjs`)
const server = start("server.mjs", [peer, transport], ["--expose-gc"])
const port = await server.call("port")

/** Waits until the server has this many clients. */
const settled = async (sockets) => {
  const lateAt = Date.now() + 30_000
  for (;;) {
    const count = await server.call("count")
    if (count.sockets === sockets) return
    if (Date.now() > lateAt) throw new Error(`the server has ${count.sockets} clients instead of ${sockets}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}
const bench = new Bench(client, { ...server, settled }, { port, transport }, Number(roundMs))

answer({
  async prepare() {
    if (workload.checks !== false) await checkCorrectness(bench)
    await settled(0)
    await workload.prepare?.(bench, variant)
    if (profiles !== undefined) await server.call("profile")
  },
  round: () => workload.round(bench, variant),
  async finish() {
    const name = process.argv.slice(2, 6).join(" ").replaceAll(" ", "-")
    if (profiles !== undefined) await server.call("profiled", `${profiles}/${name}.cpuprofile`)
  },
})
