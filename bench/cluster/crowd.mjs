// Hubs that are in the cluster of a case and have no sessions: node crowd.mjs <case> <port of the store>
import { setTimeout as pause } from "node:timers/promises"
import { cluster } from "../../dist/cluster.js"
import { createHub } from "../../dist/node.js"
import { answer } from "../processes.mjs"
import { cases } from "./cases.mjs"
import { backplaneOf } from "./peers/everwire.mjs"

const [name, storePort] = process.argv.slice(2)
const hubs = []

answer({
  /** They join within a second, so that their beats are spread over each second. Resolves when all know each other. */
  async join(count) {
    for (let n = 0; n < count; n++) {
      hubs.push(createHub({ cluster: cluster(await backplaneOf(cases[name].store, storePort)) }))
      await pause(1_000 / count)
    }
    await pause(3_000)
  },
})
