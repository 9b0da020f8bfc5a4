import { setTimeout as pause } from "node:timers/promises"
import { payload } from "../../payload.mjs"
import { SESSIONS } from "../cases.mjs"
import { quantileOf, until } from "../cluster-bench.mjs"

const CONNECTIONS = 50
/** Echoes before anything is measured: code that runs once for each message between processes is compiled by then. */
const WARM_UP = 3_000
/** On a machine that does other things, it ends sooner. */
const WARM_UP_MS = 12_000

/** In each round every session says so many messages in each tick; ticks begin every `everyMs`. */
const TICKS = [
  { name: "1 per tick", perTick: 1, everyMs: 4, cases: SESSIONS },
  { name: "16 per tick", perTick: 16, everyMs: 20, cases: SESSIONS },
]

/** Clients send messages. */
export const up = {
  name: "up",
  title: `Messages to the hub, of ${CONNECTIONS} sessions at once`,
  figures: ["cpu", "store"],
  reference: "owner",
  warmUp: 2,
  variants: TICKS,

  async prepare(bench) {
    await bench.openWires(CONNECTIONS)
    await warmUp(bench)
  },

  async round(bench, { perTick, everyMs }) {
    const batch = Array.from({ length: perTick }, (_, n) => payload(n))
    const ticks = Math.ceil(bench.roundMs / everyMs)
    const messages = ticks * perTick * CONNECTIONS
    const before = await bench.serversHeard()
    const spent = await bench.spent(async () => {
      const startedAt = performance.now()
      for (let tick = 1; tick <= ticks; tick++) {
        for (const wire of bench.wires) wire.say("up", batch)
        await pause(Math.max(0, startedAt + tick * everyMs - performance.now()))
      }
      await until(async () => (await bench.serversHeard()) - before >= messages)
    })
    return perMessage(spent, messages)
  },
}

/** The hub sends messages. */
export const down = {
  name: "down",
  title: `Messages of the hub, to ${CONNECTIONS} sessions at once`,
  figures: ["cpu", "store"],
  reference: "owner",
  warmUp: 2,
  variants: TICKS,

  async prepare(bench) {
    await bench.openWires(CONNECTIONS)
    await warmUp(bench)
  },

  async round(bench, { perTick, everyMs }) {
    const ticks = Math.ceil(bench.roundMs / everyMs)
    const messages = ticks * perTick * CONNECTIONS
    const spent = await bench.spent(async () => {
      const all = bench.until(bench.heard + messages)
      await bench.server.call("down", ticks, perTick, everyMs)
      await all
    })
    return perMessage(spent, messages)
  },
}

/** One session says a message, waits for its echo, and repeats: nothing goes together with anything else. */
export const echo = {
  name: "echo",
  title: "An echo, of one session, one message at a time",
  figures: ["p50", "p99", "cpu", "store"],
  reference: "owner",
  warmUp: 2,
  variants: [{ name: "one at a time", cases: SESSIONS }],

  async prepare(bench) {
    await bench.openWires(1)
    await warmUp(bench)
  },

  async round(bench) {
    const micros = []
    const spent = await bench.spent(() => bench.forRound(async () => micros.push(...(await echoes(bench, 20)))))
    const latencies = { p50: quantileOf(micros, 0.5), p99: quantileOf(micros, 0.99) }
    return { ...latencies, ...perMessage(spent, micros.length) }
  },
}

async function warmUp(bench) {
  const endsAt = performance.now() + WARM_UP_MS
  for (let n = 0; n < WARM_UP && performance.now() < endsAt; n += 50) await echoes(bench, 50)
}

/** Says so many messages, one after another, and returns after how many microseconds the echo of each has come. */
async function echoes(bench, count) {
  const micros = []
  const [wire] = bench.wires
  const message = [payload(1)]
  for (let n = 0; n < count; n++) {
    const startedAt = process.hrtime.bigint()
    const echoed = bench.until(bench.heard + 1)
    wire.say("echo", message)
    await echoed
    micros.push(Number(bench.heardAt - startedAt) / 1_000)
  }
  return micros
}

function perMessage({ cpuUs, storeUs }, messages) {
  return { cpu: cpuUs / messages, store: storeUs / messages }
}
