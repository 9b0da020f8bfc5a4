import { setTimeout as pause } from "node:timers/promises"
import { BEAT_MS } from "../peers/settings.mjs"
import { WEBSOCKETS } from "./cases.mjs"

const WARM_UP = 200

/** Clients are connected and send no messages. Peers that have heartbeats send them every 10 s. */
export const idle = {
  name: "idle",
  title: "5,000 idle connections",
  figures: ["heap", "rss", "idleCpu", "idleKernel"],
  variants: [{ name: "websocket", reference: "ws", connections: 5_000, beats: 3, cases: WEBSOCKETS }],
  /** All peers idle at the same time. Three rounds, because resident memory depends on when a heap happened to grow. */
  once: 3,

  async prepare(bench, { connections }) {
    // A warm-up, so that code that is loaded and compiled once does not count.
    await bench.openWires(WARM_UP)
    for (const wire of bench.wires.splice(0)) await wire.close()
    await bench.server.settled(0)
    const before = await bench.server.call("memory")
    await bench.openWires(connections)
    const after = await bench.server.call("memory")
    bench.memory = { heap: (after.heap - before.heap) / connections, rss: (after.rss - before.rss) / connections }
  },

  async round(bench, { beats }) {
    // A whole number of heartbeat intervals, so that their phase does not matter; fewer of them if rounds are short.
    const waited = Math.ceil(beats * Math.min(1, bench.roundMs / 200))
    const { cpuUs, kernelUs, ms } = await bench.spent(() => pause(waited * BEAT_MS))
    const inSeconds = (micros) => micros / 1e6 / (ms / 30_000)
    return { ...bench.memory, idleCpu: inSeconds(cpuUs), idleKernel: inSeconds(kernelUs) }
  },
}
