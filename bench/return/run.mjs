// Measures how many clients reconnect, and how fast, after their server was killed: npm run return -- --channels
// 500,2000
import { setTimeout as sleep } from "node:timers/promises"
import { parseArgs } from "node:util"
import { start } from "../processes.mjs"

const { values } = parseArgs({
  options: {
    channels: { type: "string", default: "500,2000" },
    only: { type: "string", default: "websocket,default" },
    peers: { type: "string", default: "everwire,socket.io" },
    rounds: { type: "string", default: "1" },
    /** Prints the incidents of everwire's channels. */
    incidents: { type: "boolean", default: false },
  },
})

/** How long the server is away, in milliseconds. */
const AWAY_MS = 1_000
/** A client that is not back this long after the restart counts as lost, in milliseconds. */
const PATIENCE_MS = 60_000
const MAX_CONNECTIONS = 2

const rows = []
for (const count of values.channels.split(",").map(Number)) {
  for (const transport of values.only.split(",")) {
    for (let round = 0; round < Number(values.rounds); round++) {
      for (const peer of values.peers.split(",")) rows.push(await measure(peer, transport, count))
    }
  }
}
console.table(
  Object.fromEntries(
    rows.map((row, i) => [
      `${i + 1}`,
      {
        channels: row.count,
        transport: row.transport,
        peer: row.peer,
        "p50 (s)": (row.p50Ms / 1_000).toFixed(2),
        "last (s)": (row.lastMs / 1_000).toFixed(2),
        "connections each": row.each.toFixed(2),
        "server CPU (s)": (row.cpuMs / 1_000).toFixed(2),
        "clients' CPU (s)": (row.clientsMs / 1_000).toFixed(2),
      },
    ]),
  ),
)
const misses = missesOf(rows)
for (const miss of misses) console.error(`missed: ${miss}`)
process.exitCode = misses.length > 0 ? 1 : 0

/** Connects this many clients, kills their server, starts another on the same port, and waits for all clients. */
async function measure(peer, transport, count) {
  let server = start("./return/server.mjs", [peer, "0"])
  const port = await server.call("listen")
  const clients = start("./return/clients.mjs", [peer, transport, `${port}`])
  try {
    await clients.call("open", count)
    // By now the channels have moved to their best transports, and no session is new.
    await sleep(4_000)
    const cpuBefore = await clients.call("cpuMs")
    const killedAt = Date.now()
    process.kill(await server.call("pid"), "SIGKILL")
    await server.stop()
    await sleep(AWAY_MS)
    server = start("./return/server.mjs", [peer, `${port}`])
    await server.call("listen")
    const startedAt = Date.now()
    let back = []
    while (back.length < count && Date.now() - startedAt < PATIENCE_MS) {
      await sleep(500)
      back = (await clients.call("greetedAt")).filter((at) => at > killedAt)
    }
    if (values.incidents && peer === "everwire") console.log(await clients.call("incidents", killedAt))
    const waits = back.map((at) => at - startedAt).sort((one, other) => one - other)
    const [each, cpuMs] = [(await server.call("connections")) / count, await server.call("cpuMs")]
    const clientsMs = (await clients.call("cpuMs")) - cpuBefore
    const lastMs = waits.length < count ? Infinity : waits.at(-1)
    return { count, transport, peer, p50Ms: waits[Math.floor(count / 2)] ?? Infinity, lastMs, each, cpuMs, clientsMs }
  } finally {
    await Promise.all([clients.stop(), server.stop()])
  }
}

/** The targets: everwire's last client is back no later than Socket.IO's, and no channel makes needless dials. */
function missesOf(measured) {
  const misses = []
  for (const row of measured.filter(({ peer }) => peer === "everwire")) {
    const { count, transport, lastMs, each } = row
    const what = `${count} channels, ${transport}`
    if (each > MAX_CONNECTIONS) misses.push(`${what}: ${each.toFixed(2)} connections each, at most ${MAX_CONNECTIONS}`)
    const same = measured.filter((other) => other.count === count && other.transport === transport)
    const theirs = Math.max(...same.filter(({ peer }) => peer !== "everwire").map((other) => other.lastMs))
    if ((theirs > 0 && lastMs > theirs) || lastMs === Infinity) {
      misses.push(`${what}: the last one back after ${lastMs} ms, Socket.IO's after ${theirs} ms`)
    }
  }
  return misses
}
