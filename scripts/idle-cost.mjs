// @ts-check
// Measures what an idle peer costs: heap and resident memory per idle WebSocket of a hub, compared with the same number
// of bare `ws` sockets in the same run. Server and clients run in separate processes, on the built package.

import { fork } from "node:child_process"
import { once } from "node:events"
import { createServer } from "node:http"
import { setImmediate as turn } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { WebSocket, WebSocketServer } from "ws"

const PEERS = 2_000
/**
 * Peers that connect and leave before the measurement, so that code that is loaded and compiled once does not count.
 */
const WARM_UP = 200
/** Handshakes that run at the same time. */
const AT_ONCE = 50

/** @typedef {{ heap: number, rss: number }} Memory in bytes */
/** @typedef {"ws" | "everwire"} Subject */

const [role, ...given] = process.argv.slice(2)
if (role === "server") await serve(given[0] === "everwire" ? "everwire" : "ws")
else if (role === "clients") await connectAll(given[0] ?? "", Number(given[1]))
else await compare()

async function compare() {
  const bare = await measure("ws")
  const everwire = await measure("everwire")
  const kib = (/** @type {number} */ bytes) => `${(bytes / 1024).toFixed(1)} KiB`.padStart(12)
  const ratio = (/** @type {keyof Memory} */ key) => (everwire[key] / bare[key]).toFixed(2).padStart(12)
  console.log(`one of ${PEERS} idle WebSocket peers`.padEnd(34), "heap".padStart(12), "RSS".padStart(12))
  console.log("bare ws".padEnd(34), kib(bare.heap), kib(bare.rss))
  console.log("everwire".padEnd(34), kib(everwire.heap), kib(everwire.rss))
  console.log("ratio".padEnd(34), ratio("heap"), ratio("rss"))
}

/**
 * What one peer adds to the server's memory.
 *
 * @param {Subject} subject
 * @returns {Promise<Memory>}
 */
async function measure(subject) {
  const server = run(["server", subject], ["--expose-gc"])
  try {
    const url = await next(server)
    await connected(`${url}`, WARM_UP, async () => {})
    const before = await memoryOf(server, 0)
    return await connected(`${url}`, PEERS, async () => {
      const after = await memoryOf(server, PEERS)
      return { heap: (after.heap - before.heap) / PEERS, rss: (after.rss - before.rss) / PEERS }
    })
  } finally {
    server.kill()
  }
}

/**
 * Calls `during` while this many clients are connected.
 *
 * @template T
 * @param {string} url
 * @param {number} peers
 * @param {() => Promise<T>} during
 */
async function connected(url, peers, during) {
  const clients = run(["clients", url, String(peers)])
  try {
    await next(clients)
    return await during()
  } finally {
    clients.kill()
    await once(clients, "exit")
  }
}

/**
 * The server's memory, once it has this many connections.
 *
 * @param {import("node:child_process").ChildProcess} server
 * @param {number} connections
 * @returns {Promise<Memory>}
 */
async function memoryOf(server, connections) {
  server.send(connections)
  const memory = await next(server)
  return /** @type {Memory} */ (memory) // the server sends nothing else
}

/**
 * @param {string[]} args
 * @param {string[]} execArgv
 */
function run(args, execArgv = []) {
  return fork(fileURLToPath(import.meta.url), args, { execArgv })
}

/**
 * The next message of a child process. Rejects when the child exits instead.
 *
 * @param {import("node:child_process").ChildProcess} child
 */
function next(child) {
  return new Promise((resolve, reject) => {
    child.once("message", resolve)
    child.once("exit", (code) => reject(new Error(`a process of the measurement ended with ${code}`)))
  })
}

/** @param {Subject} subject */
async function serve(subject) {
  const server = createServer()
  if (subject === "everwire") {
    const { createHub } = await import("everwire/node")
    // No resume window, so that the sessions of the warm-up are not kept.
    createHub({ limits: { maxSessionsPerAddress: PEERS + WARM_UP }, resumeMs: 0 }).attach(server)
  } else {
    // As an application does: it listens to every socket and remembers it.
    const sockets = new Set()
    new WebSocketServer({ server, clientTracking: false, perMessageDeflate: false }).on("connection", (socket) => {
      sockets.add(socket)
      socket.on("message", () => {})
      socket.on("error", () => {})
      socket.on("close", () => sockets.delete(socket))
    })
  }
  const countConnections = promisify(server.getConnections.bind(server))
  const report = async (/** @type {unknown} */ connections) => {
    while ((await countConnections()) !== connections) await turn()
    await turn()
    for (let i = 0; i < 5; i++) globalThis.gc?.()
    const { heapUsed, rss } = process.memoryUsage()
    process.send?.({ heap: heapUsed, rss })
  }
  process.on("message", (connections) => void report(connections))
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  const address = server.address()
  const port = address !== null && typeof address === "object" ? address.port : 0
  process.send?.(`ws://127.0.0.1:${port}/${subject === "everwire" ? "everwire/websocket" : ""}`)
}

/**
 * Opens this many sockets, reports when the last one is open, and keeps them.
 *
 * @param {string} url
 * @param {number} peers
 */
async function connectAll(url, peers) {
  let opened = 0
  const open = async () => {
    while (opened < peers) {
      const id = `idle-peer-${String(++opened).padStart(20, "0")}`
      const socket = new WebSocket(url, { perMessageDeflate: false })
      await once(socket, "open")
      if (!url.endsWith("/websocket")) continue
      socket.send(`h${JSON.stringify({ v: 1, id, key: `key-${id}`, holder: id, heard: 0, acked: 0, turn: 1 })}`)
      const [welcome] = await once(socket, "message")
      if (!`${welcome}`.startsWith("w")) throw new Error(`a peer was not welcomed: ${welcome}`)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, open))
  process.send?.("connected")
  process.on("disconnect", () => process.exit())
}
