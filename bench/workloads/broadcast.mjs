import { POLLS, WEBSOCKETS } from "./cases.mjs"

/** The server sends the same message to all of 1,000 clients. */
export const broadcast = {
  name: "broadcast",
  title: "Broadcast to 1,000",
  figures: ["cpu", "kernel", "last"],
  variants: [
    { name: "back to back", reference: "ws", receivers: 1_000, ticks: 20, perTick: 1, cases: WEBSOCKETS },
    { name: "bursts of 20", reference: "ws", receivers: 1_000, ticks: 1, perTick: 20, cases: WEBSOCKETS },
    { name: "long-poll", reference: "ws", receivers: 1_000, ticks: 1, perTick: 1, cases: [WEBSOCKETS[0], ...POLLS] },
  ],

  async prepare(bench, { receivers }) {
    await bench.openWires(receivers)
  },

  async round(bench, { receivers, ticks, perTick }) {
    let calls = 0
    let lastMs = 0
    const { cpuUs, kernelUs } = await bench.spent(() =>
      bench.forRound(async () => {
        const all = bench.until(bench.heard + ticks * perTick * receivers)
        const startedAt = await bench.server.call("broadcast", ticks, perTick)
        await all
        lastMs += Number(bench.heardAt - BigInt(startedAt)) / 1e6
        calls++
      }),
    )
    const deliveries = calls * ticks * perTick * receivers
    return { cpu: cpuUs / deliveries, kernel: kernelUs / deliveries, last: lastMs / (calls * ticks) }
  },
}
