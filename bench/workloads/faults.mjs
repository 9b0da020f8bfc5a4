import { readFileSync } from "node:fs"
import { transformSync } from "esbuild"
import { createChannel } from "../../dist/index.js"

/** One-way delay of the proxy, in milliseconds. A round trip is twice as long. */
const DELAY_MS = 20
const R = 2 * DELAY_MS

/** The time from `createChannel` to the first message, through a proxy that interferes with some transports. */
export const faults = {
  name: "faults",
  title: `Time to the first message, on a wire with a round trip of ${R} ms`,
  figures: ["first"],
  /** The variants are the rows of one table. */
  column: "the wire",
  variants: [
    { name: "nothing wrong", boundMs: 2 * R },
    { name: "WebSocket refused", boundMs: 4 * R, websocket: { status: 403 } },
    { name: "WebSocket black-holed", boundMs: 300 + 4 * R, websocket: "black-hole" },
    { name: "WebSocket opens and stays mute", boundMs: 300 + 4 * R, websocket: "mute" },
    { name: "WebSocket mute, SSE held back by a buffer", boundMs: 1_200 + 4 * R, websocket: "mute", sse: "hold-back" },
    { name: "WebSocket dies 300 ms after opening", boundMs: 2 * R, websocket: { killAfterMs: 300 } },
  ].map((fault) => ({ ...fault, cases: [["everwire", "any"]] })),
  checks: false,

  async prepare(bench, { websocket, sse }) {
    const { FaultProxy } = await import(proxySource())
    bench.proxy = await FaultProxy.start(bench.port)
    bench.proxy.delayMs = DELAY_MS
    if (websocket !== undefined) bench.proxy.take("websocket", websocket)
    if (sse !== undefined) bench.proxy.take("sse", sse)
    await bench.server.call("greet")
  },

  async round(bench) {
    const startedAt = performance.now()
    const channel = createChannel(bench.proxy.url)
    await new Promise((resolve) => channel.on("down", resolve))
    const first = performance.now() - startedAt
    await channel.close()
    return { first }
  },
}

/** The proxy of the tests, as a module that Node can import. */
function proxySource() {
  const source = readFileSync(new URL("../../test/support/fault-proxy.ts", import.meta.url), "utf8")
  const { code } = transformSync(source, { loader: "ts", format: "esm", target: "es2022" })
  return `data:text/javascript,${encodeURIComponent(code)}`
}
