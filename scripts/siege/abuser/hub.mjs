// @ts-check
// The hub's process, with the handlers that the abuser calls.

import { createServer } from "node:http"
import { msgpack } from "everwire/msgpack"
import { createHub, json } from "everwire/node"

let heard = 0
const hub = createHub({
  limits: {
    // With this option the addresses of this machine are counted like any other, so that limits per address take effect.
    maxSessionsPerAddress: 10_000,
    // A quarter of the default, so that a slow machine reaches it while it is measured.
    maxKeptBytes: 33_554_432,
  },
  codecs: [json, msgpack()],
  authenticate: async () => {
    heard++
    await new Promise((resolve) => setTimeout(resolve, 5))
    return { id: "somebody" }
  },
})
hub.handle("echo", (data) => data)
hub.handle("never", () => {
  heard++
  return new Promise(() => {})
})
// Begins to read its input, and reads nothing of it.
hub.handle("keeps", (_data, _peer, { input }) => {
  heard++
  void input
  return new Promise(() => {})
})
hub.handle("items", async function* () {
  for (;;) {
    heard++
    yield "an item"
  }
})
hub.handle("fails", () => {
  heard++
  throw new Error("this handler fails")
})
hub.on("x", () => void heard++)
hub.on("all", (data) => {
  heard++
  hub.send("all", data)
})
hub.on("fails", () => {
  heard++
  throw new Error("this handler fails")
})

// The application answers what is not the hub's.
const server = createServer((_, response) => response.writeHead(404).end())
hub.attach(server)
server.listen(0, "127.0.0.1", () => {
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address())
  process.send?.(`http://127.0.0.1:${port}`)
})

/** Duration of each turn of the event loop, in milliseconds of processor time. @type {number[]} */
let turns = []
let before = process.cpuUsage()
const watch = () => {
  const { user, system } = process.cpuUsage(before)
  before = process.cpuUsage()
  turns.push((user + system) / 1_000)
  setImmediate(watch)
}

process.on("message", (word) => {
  if (word === "begin") {
    before = process.cpuUsage()
    turns = []
    return watch()
  }
  const sorted = turns.filter((ms) => ms > 0.5).sort((one, other) => one - other)
  const turn = sorted[Math.floor(0.99 * sorted.length)] ?? 0
  const megabytes = process.memoryUsage().heapUsed / 2 ** 20
  process.send?.({ heard, megabytes, turn, longest: sorted.at(-1) ?? 0 })
})
process.on("disconnect", () => process.exit())
