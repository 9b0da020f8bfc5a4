import { setTimeout as pause, setImmediate as turn } from "node:timers/promises"
import { payload } from "../payload.mjs"
import { POLLS, STREAMS, WEBSOCKETS } from "./cases.mjs"

const CONNECTIONS = 50

/** 50 clients send messages: first as fast as they can, to warm the server up, and then every few milliseconds. */
export const upstream = {
  name: "upstream",
  title: `Upstream over ${CONNECTIONS} connections`,
  figures: ["cpu", "kernel", "perSecond"],
  variants: [
    { name: "1 per tick", reference: "ws", perTick: 1, everyMs: 2, cases: WEBSOCKETS },
    { name: "16 per tick", reference: "ws", perTick: 16, everyMs: 10, cases: WEBSOCKETS },
    { name: "64 per POST", reference: "http", perTick: 64, everyMs: 20, cases: [...POLLS, STREAMS[1]] },
  ],

  async prepare(bench) {
    await bench.openWires(CONNECTIONS)
  },

  async round(bench, { perTick, everyMs }) {
    const batch = Array.from({ length: perTick }, (_, n) => payload(n))
    const allHeard = async (said) => {
      while ((await bench.server.call("count")).heard < said) await pause(5)
    }
    const { heard } = await bench.server.call("count")
    let said = 0
    const floods = Math.ceil(6_000 / (perTick * CONNECTIONS))
    const flooded = floods * perTick * CONNECTIONS
    const flood = await bench.spent(async () => {
      const say = async (wire) => {
        for (let n = 0; n < floods; n++) await (wire.say("up", batch) ?? turn())
      }
      await Promise.all(bench.wires.map(say))
      await allHeard(heard + flooded)
    })
    const paced = await bench.spent(async () => {
      const startedAt = performance.now()
      for (let tick = 1; tick * everyMs <= bench.roundMs; tick++) {
        for (const wire of bench.wires) wire.say("up", batch)
        said += perTick * CONNECTIONS
        await pause(Math.max(0, startedAt + tick * everyMs - performance.now()))
      }
      await allHeard(heard + flooded + said)
    })
    return { cpu: paced.cpuUs / said, kernel: paced.kernelUs / said, perSecond: flooded / (flood.ms / 1_000) }
  },
}
