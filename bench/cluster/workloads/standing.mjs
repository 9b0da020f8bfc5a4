import { setTimeout as pause } from "node:timers/promises"
import { BEAT_MS } from "../../peers/settings.mjs"
import { JOINED, NEW } from "../cases.mjs"

const IDLE = 1_000
/** A whole number of heartbeats, so that their phase does not matter. */
const BEATS = 2

/** Sessions that only keep their link: what they hold in memory, and what their heartbeats cost. */
export const idle = {
  name: "idle",
  title: "An idle session",
  figures: ["heapOwner", "heapOther", "beat", "store"],
  reference: "owner",
  once: 2,
  variants: [{ name: "websocket", cases: ["alone", "owner", "processes"] }],

  async prepare(bench) {
    // A warm-up, so that code that is loaded and compiled once does not count.
    await bench.openWires(200)
    for (const wire of bench.wires.splice(0)) await wire.close()
    await bench.server.settled(0)
    const before = await bench.primary.call("callAll", "memory")
    await bench.openWires(IDLE)
    const after = await bench.primary.call("callAll", "memory")
    bench.heap = after.map(({ heap }, n) => (heap - before[n].heap) / IDLE)
  },

  async round(bench) {
    const { cpuUs, storeUs } = await bench.spent(() => pause(BEATS * BEAT_MS))
    const [heapOwner, heapOther = 0] = bench.heap
    return { heapOwner, heapOther, beat: cpuUs / IDLE / BEATS, store: storeUs / IDLE / BEATS }
  },
}

const CROWD = 50
const SECONDS = 5

/** Each process tells all others once in a second that it lives. What one such beat costs the process that hears it. */
export const beats = {
  name: "beats",
  title: `A beat, among ${CROWD + 2} processes`,
  figures: ["heardBeat", "deliveredBeat"],
  reference: "processes",
  once: 3,
  variants: [{ name: "each second", cases: JOINED }],

  async prepare(bench) {
    bench.before = await bench.spent(() => pause(SECONDS * 1_000))
    await bench.primary.call("crowd", CROWD)
    await pause(1_000)
  },

  async round(bench) {
    const { before } = bench
    const spent = await bench.spent(() => pause(SECONDS * 1_000))
    const heard = bench.ports.length * CROWD * SECONDS
    const delivered = ((CROWD + bench.ports.length) ** 2 - bench.ports.length ** 2) * SECONDS
    return {
      heardBeat: (spent.cpuUs - before.cpuUs) / heard,
      deliveredBeat: (spent.storeUs - before.storeUs) / delivered,
    }
  },
}

const AT_ONCE = 10
const SESSIONS = 200

/** Sessions begin and end. In a cluster each is claimed in the store when it begins. */
export const begin = {
  name: "begin",
  title: "A session that begins and ends",
  figures: ["cpu", "store"],
  reference: "alone",
  warmUp: 3,
  variants: [{ name: "websocket", cases: NEW }],

  async round(bench) {
    const { cpuUs, storeUs } = await bench.spent(async () => {
      await bench.openWires(SESSIONS, AT_ONCE, { via: undefined })
      for (const wire of bench.wires.splice(0)) await wire.close()
      await bench.server.settled(0)
    })
    return { cpu: cpuUs / SESSIONS, store: storeUs / SESSIONS }
  },
}
