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
/** @typedef {{ bytes: number, cpu: number, unopened: number, asked: Asked }} Figures */

/** Most bytes of heap for an idle session: a fifth more than the first measurement. */
const MOST_HEAP = { websocket: 5_300, sse: 9_800, "long-poll": 8_200, "short-poll": 3_450 }
/** Most milliseconds of processor time in a second for 500 idle sessions. A busy machine shows up to 22 ms more than a quiet one. */
const MOST_CPU = { websocket: 10, sse: 30, "long-poll": 30, "short-poll": 90 }
/** A round trip may take a fifth longer than one over bare `ws`, plus this much, which is noise of the machine. */
const NOISE_MS = 1

const clientsFile = fileURLToPath(new URL("./held/clients.mjs", import.meta.url))

/**
 * @param {{ sessions: number, asking: number, idleMs: number, askMs: number }} given `idleMs`: how long idle sessions are
 * left alone, and then measured for as long.
 * @returns {Promise<Row[]>}
 */
export async function held(given) {
  const bare = await measure("ws", given)
  /** @type {Row[]} */
  const rows = []
  for (const transport of TRANSPORTS) {
    const { bytes, cpu, unopened, asked } = await measure(transport, given)
    const beside = transport === "websocket" ? bare : undefined
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
      { what: `requests over ${transport} that were not answered`, value: asked.failed, most: 0, unit: "" },
      {
        what: `round trip, p50 of ${given.asking} that ask: ${transport}`,
        value: asked.p50,
        most: beside ? 1.2 * beside.asked.p50 + NOISE_MS : Infinity,
        unit: "ms",
      },
      {
        what: `round trip, p99 of ${given.asking} that ask: ${transport}`,
        value: asked.p99,
        most: beside ? 1.2 * beside.asked.p99 + NOISE_MS : Infinity,
        unit: "ms",
      },
    )
  }
  const { p50, p99 } = bare.asked
  rows.push(
    { what: "bytes of heap for an idle socket of bare `ws`, beside", value: bare.bytes, most: Infinity, unit: "B" },
    { what: "round trip, p50, of bare `ws`, beside", value: p50, most: Infinity, unit: "ms" },
    { what: "round trip, p99, of bare `ws`, beside", value: p99, most: Infinity, unit: "ms" },
  )
  return rows
}

/**
 * @param {"ws" | (typeof TRANSPORTS)[number]} subject
 * @param {Parameters<typeof held>[0]} given
 * @returns {Promise<Figures>}
 */
async function measure(subject, { sessions, asking, idleMs, askMs }) {
  const { url, stop } = subject === "ws" ? await startBare() : await startEcho()
  const clients = fork(clientsFile, [url, subject], { execArgv: [] })
  const next = async () => (await once(clients, "message"))[0]
  const order = async (/** @type {object} */ message) => {
    clients.send(message)
    return await next()
  }
  await next() // the clients' process is ready
  // A first round, so that memory for loading and compiling code is not counted.
  await order({ open: Math.min(sessions, 50) })
  await order({ ask: asking, forMs: askMs / 4 })
  await order({})
  await sleep(100)
  const before = await heap()
  const unopened = await order({ open: sessions })
  await sleep(idleMs)
  const bytes = ((await heap()) - before) / sessions
  const from = process.cpuUsage()
  await sleep(idleMs)
  const { user, system } = process.cpuUsage(from)
  const asked = await order({ ask: asking, forMs: askMs })
  await order({})
  clients.disconnect()
  await stop()
  return { bytes, cpu: ((user + system) / idleMs) * (500 / sessions), unopened, asked }
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
