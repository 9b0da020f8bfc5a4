import { payload } from "../payload.mjs"
import { POLLS, STREAMS, WEBSOCKETS } from "./cases.mjs"

/** One client sends a message, waits for its echo, and repeats. It uses the peer's own client, as applications do. */
export const echo = {
  name: "echo",
  title: "Echo round trip, one client, one message at a time",
  figures: ["cpu", "p50", "p99"],
  variants: [
    { name: "websocket", reference: "ws", cases: WEBSOCKETS },
    { name: "sse", reference: "http", cases: STREAMS },
    { name: "long-poll", reference: "http", cases: POLLS },
  ],

  async prepare(bench) {
    bench.client = await bench.connect(() => bench.echoed())
  },

  async round(bench) {
    const micros = []
    const { cpuUs } = await bench.spent(() =>
      bench.forRound(async () => {
        for (let n = 0; n < 20; n++) {
          const startedAt = performance.now()
          await new Promise((resolve) => {
            bench.echoed = resolve
            bench.client.send("echo", payload(n))
          })
          micros.push((performance.now() - startedAt) * 1_000)
        }
      }),
    )
    micros.sort((a, b) => a - b)
    const quantile = (part) => micros[Math.floor(part * (micros.length - 1))]
    return { cpu: cpuUs / micros.length, p50: quantile(0.5), p99: quantile(0.99) }
  },
}
