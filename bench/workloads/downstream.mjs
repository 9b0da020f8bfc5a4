import { POLLS, STREAMS, WEBSOCKETS } from "./cases.mjs"

const CONNECTIONS = 50

/** The server sends to each of 50 clients: first as fast as it can, to warm up, and then every few milliseconds. */
export const downstream = {
  name: "downstream",
  title: `Downstream over ${CONNECTIONS} connections`,
  figures: ["cpu", "kernel", "perSecond"],
  variants: [
    { name: "1 per tick", reference: "ws", perTick: 1, everyMs: 2, cases: WEBSOCKETS },
    { name: "16 per tick", reference: "ws", perTick: 16, everyMs: 20, cases: [...WEBSOCKETS, ...STREAMS, ...POLLS] },
  ],

  async prepare(bench) {
    await bench.openWires(CONNECTIONS)
  },

  async round(bench, { perTick, everyMs }) {
    const down = (ticks, everyMs) =>
      bench.spent(async () => {
        const all = bench.until(bench.heard + ticks * perTick * CONNECTIONS)
        await bench.server.call("down", ticks, perTick, everyMs)
        await all
      })
    const ticks = Math.ceil(bench.roundMs / everyMs)
    const floods = Math.ceil(6_000 / (perTick * CONNECTIONS))
    const flood = await down(floods, 0)
    const paced = await down(ticks, everyMs)
    const messages = ticks * perTick * CONNECTIONS
    return {
      cpu: paced.cpuUs / messages,
      kernel: paced.kernelUs / messages,
      perSecond: (floods * perTick * CONNECTIONS) / (flood.ms / 1_000),
    }
  },
}
