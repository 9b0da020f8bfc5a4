// Measures what clients that read nothing cost a server and everybody else, beside Socket.IO: npm run paused --
// --readers 1,200. For comparison: what as many clients cost that are sent the same and read it.
import { parseArgs } from "node:util"
import { start } from "../processes.mjs"

const { values } = parseArgs({
  options: {
    readers: { type: "string", default: "1,200" },
    only: { type: "string", default: "websocket,sse,long-poll,short-poll" },
    peers: { type: "string", default: "everwire,socket.io" },
    messages: { type: "string", default: "20000" },
    seconds: { type: "string", default: "60" },
  },
})
const messages = Number(values.messages)
const floodMs = Number(values.seconds) * 1_000

const HONEST = 50
/** What a hub keeps for all sessions, and for one, by default. */
const MAX_KEPT = 134_217_728
const MAX_PEER = 16_777_216
/** The honest p99 may be this many times as long as without readers, plus what is noise of the machine. */
const TIMES = 1.5
const NOISE_MS = 2
/** The transports that both libraries have, by everwire's names. */
const THEIRS = { websocket: "websocket", "long-poll": "polling" }

const rows = []
for (const readers of values.readers.split(",").map(Number)) {
  for (const transport of values.only.split(",")) {
    for (const peer of values.peers.split(",")) {
      const named = peer === "everwire" ? transport : THEIRS[transport]
      if (named !== undefined) rows.push(await measure(peer, named, readers))
    }
  }
}
const ms = (value) => (value === undefined ? "-" : value.toFixed(1))
const percent = (value) => (value === undefined ? "-" : (100 * value).toFixed(0))
const mib = (value) => (value === undefined ? "-" : (value / 2 ** 20).toFixed(1))
console.table(
  Object.fromEntries(
    rows.map((row, n) => [
      `${n + 1}`,
      {
        readers: row.readers,
        peer: row.peer,
        transport: row.transport,
        "kept (MiB)": mib(row.peer === "everwire" ? row.keptBytes : undefined),
        "memory + (MiB)": mib(row.memoryBytes),
        "p50 without (ms)": ms(row.without?.p50),
        "p50 with (ms)": ms(row.with?.p50),
        "p99 without (ms)": ms(row.without?.p99),
        "p99 with (ms)": ms(row.with?.p99),
        "p99 if they read (ms)": ms(row.reading?.p99),
        "CPU with (%)": percent(row.cpu),
        "CPU if they read (%)": percent(row.reading?.cpu),
        "readers left": row.left ?? "-",
        server: row.died ?? "lived",
      },
    ]),
  ),
)
const misses = missesOf(rows)
for (const miss of misses) console.error(`missed: ${miss}`)
process.exitCode = misses.length > 0 ? 1 : 0

/** A row of the table. */
async function measure(peer, transport, readers) {
  const paused = await flooded(peer, transport, readers, "pause")
  const reading = await flooded(peer, transport, readers, "read")
  return { peer, transport, readers, ...paused, reading: { ...reading.with, cpu: reading.cpu } }
}

/** Round trips of honest clients with and without readers, and what the server keeps for the readers. */
async function flooded(peer, transport, readers, how) {
  const row = {}
  const server = start("./paused/server.mjs", [peer], ["--max-old-space-size=2048"])
  const port = await server.call("listen")
  const given = [peer, transport, `${port}`]
  const [clients, honest] = [start("./paused/readers.mjs", given), start("./paused/honest.mjs", given)]
  try {
    await clients.call(how, readers)
    const marked = await server.call("mark")
    if (marked !== readers) throw new Error(`${marked} of ${readers} readers are connected`)
    await honest.call("open", HONEST)
    // The first round is there to compile code.
    await honest.call("ask", 1_500)
    row.without = await honest.call("ask", 5_000)
    const before = await server.call("figures")
    const asked = honest.call("ask", floodMs)
    await server.call("flood", messages, floodMs)
    row.with = await asked
    const { left, peakBytes, keptBytes, cpuMs } = await server.call("figures")
    const cpu = (cpuMs - before.cpuMs) / floodMs
    Object.assign(row, { left, keptBytes, cpu, memoryBytes: peakBytes - before.peakBytes })
  } catch (error) {
    row.died = error.message
  } finally {
    await Promise.all([clients.stop(), honest.stop(), server.stop()])
  }
  return row
}

/** The targets: the hub stays within its bounds, and honest clients hardly feel the readers. */
function missesOf(measured) {
  const misses = []
  for (const row of measured.filter(({ peer }) => peer === "everwire")) {
    const what = `${row.readers} readers, ${row.transport}`
    if (row.died !== undefined) misses.push(`${what}: ${row.died}`)
    const most = Math.min(MAX_KEPT, row.readers * MAX_PEER + MAX_PEER)
    if (row.keptBytes > most) misses.push(`${what}: the hub kept ${row.keptBytes} bytes, at most ${most}`)
    const mostMs = TIMES * row.without?.p99 + NOISE_MS
    if (row.with?.p99 > mostMs) misses.push(`${what}: p99 ${ms(row.with.p99)} ms, at most ${ms(mostMs)}`)
  }
  return misses
}
