import { setTimeout as pause } from "node:timers/promises"
import { ACROSS, WIDE } from "../cases.mjs"
import { quantileOf, until } from "../cluster-bench.mjs"

/** One process broadcasts, and the only client is at the other one: so this is what the crossing costs. */
export const crossing = {
  name: "crossing",
  title: "A broadcast to one client, at the other process",
  figures: ["p50", "p99", "sender", "receiver", "store"],
  reference: "processes",
  warmUp: 2,
  variants: [
    { name: "1 per tick", perTick: 1, cases: ACROSS },
    { name: "16 per tick", perTick: 16, cases: ACROSS },
  ],

  async prepare(bench) {
    await bench.openClock(bench.ports[1])
    await bench.server.settled(1)
    await bench.server.call("broadcast", 1, 1)
    await until(() => bench.arrivals.length > 0)
    await pause(200)
    if (bench.arrivals.length !== 1) throw new Error(`one broadcast came ${bench.arrivals.length} times`)
    // Until the code that runs once for each publish is compiled.
    await bench.server.call("timed", 2_000, 1, 0)
    await until(() => bench.arrivals.length === 2_001, 300_000)
  },

  async round(bench, { perTick }) {
    const everyMs = 2
    const ticks = Math.ceil(bench.roundMs / everyMs)
    const messages = ticks * perTick
    bench.arrivals.length = 0
    let saidAt = []
    const { eachUs, storeUs } = await bench.spent(async () => {
      saidAt = await bench.server.call("timed", ticks, perTick, everyMs)
      await until(() => bench.arrivals.length === messages)
    })
    const [sender, receiver] = eachUs
    // One process sends them all, so they come in its order.
    const latencies = saidAt.map((at, n) => (bench.arrivals[n] - at) * 1_000)
    return {
      p50: quantileOf(latencies, 0.5),
      p99: quantileOf(latencies, 0.99),
      sender: sender / messages,
      receiver: receiver / messages,
      store: storeUs / messages,
    }
  },
}

const RECEIVERS = 10_000

/**
 * A broadcast to many, at one process or half of them at each of two. On a machine with as many cores as processes, the
 * busiest process says how many can be reached in a second. So its CPU time counts, and not the time that passes here,
 * where the clients need the cores too.
 */
export const wide = {
  name: "wide",
  title: `A broadcast to ${RECEIVERS.toLocaleString("en")} clients, one after another`,
  figures: ["perBusySecond", "cpu", "store"],
  reference: "alone",
  warmUp: 2,
  variants: [{ name: "halved", cases: WIDE }],

  async prepare(bench) {
    const { ports } = bench
    for (const port of ports) await bench.openWires(RECEIVERS / ports.length, 50, { port, via: undefined })
  },

  async round(bench) {
    const broadcasts = 3
    const { cpuUs, busiestUs, storeUs } = await bench.spent(async () => {
      for (let n = 0; n < broadcasts; n++) {
        const all = bench.until(bench.heard + RECEIVERS)
        await bench.server.call("broadcast", 1, 1)
        await all
      }
    })
    const deliveries = broadcasts * RECEIVERS
    const busiest = Math.max(busiestUs, storeUs)
    return { perBusySecond: deliveries / (busiest / 1e6), cpu: cpuUs / deliveries, store: storeUs / deliveries }
  },
}
