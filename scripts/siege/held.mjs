// @ts-check
// What load costs a hub on each transport: the heap and the processor time of idle sessions, and how long requests take
// while many clients send them. Bare `ws` sockets are measured in the same run, to compare.

import { fork } from "node:child_process"
import { once } from "node:events"
import { createServer } from "node:http"
import { setTimeout as sleep } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import { WebSocketServer } from "ws"
import { heap, startHub, TRANSPORTS } from "./ground.mjs"

/** @typedef {import("./ground.mjs").Row} Row */
/** @typedef {{ failed: number, p50: number, p99: number }} Asked times in milliseconds */
/** @typedef {{ bytes: number, cpu: number, unopened: number }} Idle */
/** @typedef {"ws" | (typeof TRANSPORTS)[number]} Subject */

/** Most bytes of heap for an idle session: a fifth more than the first measurement. */
const MOST_HEAP = { websocket: 5_300, sse: 9_800, "long-poll": 8_200, "short-poll": 3_450 }
/** Most milliseconds of processor time in a second for 500 idle sessions. A busy machine shows up to 22 ms more than a quiet one. */
const MOST_CPU = { websocket: 10, sse: 30, "long-poll": 30, "short-poll": 90 }
/** A round trip may take a fifth longer than one over bare `ws`, plus this much, which is noise of the machine. */
const NOISE_MS = 1
/** All subjects ask in turns, so many times each, so that what else the machine does falls on all alike. */
const TURNS = 10

const clientsFile = fileURLToPath(new URL("./held/clients.mjs", import.meta.url))

/**
 * @param {{ sessions: number, asking: number, idleMs: number, askMs: number }} given `idleMs`: how long idle sessions are
 * left alone, and then measured for as long. `askMs`: how long requests are sent over each transport.
 * @returns {Promise<Row[]>}
 */
export async function held(given) {
  /** @type {Row[]} */
  const rows = []
  const bare = await measureIdle("ws", given)
  for (const transport of TRANSPORTS) {
    const { bytes, cpu, unopened } = await measureIdle(transport, given)
    rows.push(
      { what: `sessions over ${transport} that did not open`, value: unopened, most: 0, unit: "" },
      {
        what: `bytes of heap for an idle session over ${transport}`,
        value: bytes,
        most: MOST_HEAP[transport],
        unit: "B",
      },
      {
        what: `processor time of 500 idle ones in a second: ${transport}`,
        value: cpu,
        most: MOST_CPU[transport],
        unit: "ms",
      },
    )
  }
  const asked = await measureRoundTrips(given)
  const beside = asked.get("ws")
  for (const [subject, { failed, p50, p99 }] of asked) {
    const times = { p50, p99 }
    rows.push({ what: `requests over ${subject} that were not answered`, value: failed, most: 0, unit: "" })
    for (const name of /** @type {const} */ (["p50", "p99"])) {
      rows.push({
        what: `round trip, ${name} of ${given.asking} that ask: ${subject}`,
        value: times[name],
        most: subject === "websocket" && beside ? 1.2 * beside[name] + NOISE_MS : Infinity,
        unit: "ms",
      })
    }
  }
  rows.push({
    what: "bytes of heap for an idle socket of bare `ws`, beside",
    value: bare.bytes,
    most: Infinity,
    unit: "B",
  })
  return rows
}

/**
 * @param {Subject} subject
 * @param {Parameters<typeof held>[0]} given
 * @returns {Promise<Idle>}
 */
async function measureIdle(subject, { sessions, asking, idleMs, askMs }) {
  const { url, stop } = await startServer(subject)
  const clients = await startClients()
  // A first round, so that memory for loading and compiling code is not counted.
  await clients.order({ subject, url, open: Math.min(sessions, 50) })
  await clients.order({ subject, url, ask: asking, forMs: askMs / 4 })
  await clients.order({ subject, url })
  await sleep(100)
  const before = await heap()
  const unopened = await clients.order({ subject, url, open: sessions })
  await sleep(idleMs)
  const bytes = ((await heap()) - before) / sessions
  const from = process.cpuUsage()
  await sleep(idleMs)
  const { user, system } = process.cpuUsage(from)
  await clients.order({ subject, url })
  clients.stop()
  await stop()
  return { bytes, cpu: ((user + system) / idleMs) * (500 / sessions), unopened }
}

/**
 * The servers of all subjects run in this process, and the clients of all in another one.
 *
 * @param {Parameters<typeof held>[0]} given
 * @returns {Promise<Map<Subject, Asked>>}
 */
async function measureRoundTrips({ asking, askMs }) {
  const clients = await startClients()
  /** @type {Map<Subject, Awaited<ReturnType<typeof startServer>>>} */
  const servers = new Map()
  /** @type {Map<Subject, { failed: number, took: number[] }>} */
  const all = new Map()
  for (const subject of /** @type {Subject[]} */ (["ws", ...TRANSPORTS])) {
    const server = await startServer(subject)
    servers.set(subject, server)
    all.set(subject, { failed: 0, took: [] })
    await clients.order({ subject, url: server.url, open: asking })
    await clients.order({ subject, url: server.url, ask: asking, forMs: askMs / 4 })
  }
  for (let turn = 0; turn < TURNS; turn++) {
    for (const [subject, { url }] of servers) {
      const sum = all.get(subject)
      const { failed, took } = await clients.order({ subject, url, ask: asking, forMs: askMs / TURNS })
      if (sum === undefined) continue
      sum.failed += failed
      sum.took.push(...took)
    }
  }
  for (const [subject, { url, stop }] of servers) {
    await clients.order({ subject, url })
    await stop()
  }
  clients.stop()
  return new Map([...all].map(([subject, { failed, took }]) => [subject, { failed, ...percentiles(took) }]))
}

/** @param {number[]} took */
function percentiles(took) {
  took.sort((one, other) => one - other)
  const of = (/** @type {number} */ part) => took[Math.floor(part * (took.length - 1))] ?? Infinity
  return { p50: of(0.5), p99: of(0.99) }
}

async function startClients() {
  const child = fork(clientsFile, { execArgv: [] })
  const next = async () => (await once(child, "message"))[0]
  await next() // the clients' process is ready
  const order = async (/** @type {object} */ message) => {
    child.send(message)
    return await next()
  }
  return { order, stop: () => child.disconnect() }
}

/** @param {Subject} subject */
async function startServer(subject) {
  return subject === "ws" ? await startBare() : await startEcho()
}

async function startEcho() {
  // No resume window, so that the sessions of the first round are not kept.
  const { hub, url, stop } = await startHub({ resumeMs: 0 })
  hub.handle("echo", (data) => data)
  return { url, stop }
}

/** A server with bare `ws`. Like an application, it listens to every socket and keeps it in a set. */
async function startBare() {
  const server = createServer()
  const sockets = new Set()
  new WebSocketServer({ server, clientTracking: false, perMessageDeflate: false }).on("connection", (socket) => {
    sockets.add(socket)
    socket.on("message", (data) => socket.send(String(data)))
    socket.on("error", () => {})
    socket.on("close", () => sockets.delete(socket))
  })
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address())
  return { url: `http://127.0.0.1:${port}`, stop: async () => void server.close() }
}
