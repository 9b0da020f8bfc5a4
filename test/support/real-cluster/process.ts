// One process of a real cluster: a hub that talks with each of its peers, and writes down what it says and hears. The
// file that it writes to is that of all processes: what was written survives a kill, and stands there in one order.
import { openSync, writeSync } from "node:fs"
import { createServer } from "node:http"
import { connect } from "@nats-io/transport-node"
import { type Backplane, cluster, processes } from "everwire/cluster"
import { nats } from "everwire/nats"
import { createHub, type Peer } from "everwire/node"
import { redis } from "everwire/redis"
import { createClient } from "redis"
import type { Order, Setup, Told } from "./orders.ts"

const { name, store, port, journal, perSecond, maxSessions, isDurable } = JSON.parse(
  process.env["EVERWIRE_SETUP"] ?? "",
) as Setup // real-cluster.ts wrote it
const EVERY_MS = 5

const file = openSync(journal, "a")
/** Writes one line: a line is written whole, whichever other process writes at the same time. */
function note(what: string, who: string, rest: string | number): void {
  writeSync(file, `${what} ${who} ${rest}\n`)
}
function tell(told: Told): void {
  if (process.connected) process.send?.(told)
}

async function open(): Promise<Backplane> {
  if (store === "processes") return processes()
  if (store === "nats") {
    const servers = `127.0.0.1:${port}`
    const options = { servers, maxReconnectAttempts: -1, reconnectTimeWait: 50, ignoreClusterUpdates: true }
    return nats({ connection: await connect(options) })
  }
  const reconnectStrategy = (retries: number): number => Math.min(20 * (retries + 1), 500)
  return redis({ client: createClient({ socket: { host: "127.0.0.1", port, reconnectStrategy } }) })
}

const backplane = await open()
const hub = createHub({
  cluster: cluster(backplane),
  authenticate: ({ auth }) => ({ id: String(auth) }),
  limits: { maxSessions },
  durable: isDurable,
})
hub.onError((error) => tell({ failure: `${name}: ${String(error)}` }))
hub.on("n", (n, peer) => {
  note("heard", peer.principal.id, `${String(n)} ${name} ${peer.messageId}`)
  if (isDurable) peer.send("n", String(n))
})

/** Who is told nothing more. */
const hushed = new Set<string>()
/** How many numbers each peer was sent here. */
const said = new WeakMap<Peer, number>()
hub.onPeer((peer, { moved }) => {
  note("begun", peer.principal.id, `${name} ${moved ? "moved" : "new"}`)
  peer.join("everyone")
  peer.onClose(({ code, undelivered }) => note("closed", peer.principal.id, `${name} ${code} ${undelivered}`))
})

let toldAll = 0
const startedAt = performance.now()
let turns = 0
let isBroadcasting = false
setInterval(() => {
  // Timers fire late on a busy machine, so the number of due messages is computed from the clock.
  const due = Math.floor(((performance.now() - startedAt) * perSecond) / 1000)
  for (; turns < due; turns++) {
    for (const peer of hub.peers.values()) sendTo(peer)
    if (isBroadcasting && turns % 4 === 0) {
      note("all", name, toldAll)
      hub.to("everyone").send("all", [name, toldAll++])
    }
  }
}, EVERY_MS)

function sendTo(peer: Peer): void {
  const { id } = peer.principal
  if (hushed.has(id)) return
  const number = said.get(peer) ?? 0
  const text = `${name}.${number}`
  // `closed` and not the result, which is false for a peer that is only slow.
  if (peer.closed) return
  peer.send("n", text)
  said.set(peer, number + 1)
  note("said", id, text)
}

const server = createServer()
hub.attach(server)
// Of its own: workers of `node:cluster` otherwise share a port.
server.listen({ port: 0, host: "127.0.0.1", exclusive: true }, () => {
  const address = server.address()
  tell({ port: typeof address === "object" ? (address?.port ?? 0) : 0 })
})

process.on("message", (order: Order) => {
  if ("hush" in order) {
    hushed.add(order.hush)
    tell({ done: order.id })
  } else if ("broadcast" in order) {
    isBroadcasting = order.broadcast
    tell({ done: order.id })
  } else if ("stats" in order) {
    const { cluster: crossed, sessions } = hub.stats()
    tell({
      done: order.id,
      stats: { sessions, unpublished: crossed?.unpublished ?? 0, rss: process.memoryUsage().rss },
    })
  } else if ("publish" in order) {
    const text = "x".repeat(order.bytes)
    for (let n = 0; n < order.publish; n++) hub.to("nobody").send("large", text)
    tell({ done: order.id })
  } else void end(order.drainMs)
})
process.once("disconnect", () => process.exit(0))

async function end(drainMs: number): Promise<void> {
  await hub.close({ drainMs })
  server.close()
  server.closeIdleConnections()
  await backplane.close()
  tell({ closed: true })
  // Answers on their way may be read before their connections end.
  setTimeout(() => process.exit(0), 200)
}
