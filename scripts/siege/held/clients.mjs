// @ts-check
// The clients of `held.mjs`. They run in another process, so that the hub's process is measured alone.

import { once } from "node:events"
import { setTimeout as sleep } from "node:timers/promises"
import { createChannel } from "everwire"
import { WebSocket } from "ws"

/** Interval between the requests of one client: short enough to be load, and long enough to queue for no processor. */
const EVERY_MS = 100
/** Clients that connect at the same time. */
const AT_ONCE = 50

/**
 * @typedef {object} Client
 * @property {() => Promise<unknown>} ask Sends a request and resolves with the answer.
 * @property {() => unknown} close
 */

/** From the hub's process. If empty: close all. @typedef {{ open?: number, ask?: number, forMs?: number }} Order */

/** @type {Client[]} */
const clients = []
const [, , url = "", subject = ""] = process.argv

process.on("disconnect", () => process.exit())
process.on("message", (/** @type {Order} */ order) => void obey(order).then((answer) => process.send?.(answer)))
process.send?.("ready")

/** @param {Order} order */
async function obey({ open: more, ask: asking, forMs = 0 }) {
  if (more !== undefined) return await open(more)
  if (asking !== undefined) return await ask(asking, forMs)
  await Promise.all(clients.splice(0).map((client) => client.close()))
  return "closed"
}

/**
 * @param {number} count
 * @returns {Promise<number>} How many could not be opened
 */
async function open(count) {
  let left = count
  let failed = 0
  const openSome = async () => {
    while (left-- > 0) {
      try {
        clients.push(await (subject === "ws" ? openSocket() : openChannel()))
      } catch {
        failed++
      }
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, openSome))
  return failed
}

/** @returns {Promise<Client>} */
async function openChannel() {
  const transport = /** @type {import("everwire").TransportName} */ (subject) // the only other subjects
  const channel = createChannel(url, { transports: [transport] })
  await channel.opened
  return { ask: () => channel.request("echo", 1), close: () => channel.close() }
}

/** @returns {Promise<Client>} */
async function openSocket() {
  const socket = new WebSocket(url.replace("http", "ws"), { perMessageDeflate: false })
  await once(socket, "open")
  const ask = () => {
    socket.send('["echo",1]')
    return once(socket, "message")
  }
  const close = () => {
    socket.close()
    return once(socket, "close")
  }
  return { ask, close }
}

/**
 * Makes this many clients send requests at the interval, each only when its last one is answered.
 *
 * @param {number} count
 * @param {number} forMs
 */
async function ask(count, forMs) {
  /** @type {number[]} */
  const took = []
  let failed = 0
  const until = performance.now() + forMs
  await Promise.all(
    clients.slice(0, count).map(async (client, n) => {
      await sleep((EVERY_MS * n) / count)
      for (let now = performance.now(); now < until; now = performance.now()) {
        try {
          await client.ask()
          took.push(performance.now() - now)
        } catch {
          failed++
        }
        await sleep(Math.max(0, EVERY_MS - (performance.now() - now)))
      }
    }),
  )
  took.sort((one, other) => one - other)
  const of = (/** @type {number} */ part) => took[Math.floor(part * (took.length - 1))] ?? Infinity
  return { failed, p50: of(0.5), p99: of(0.99) }
}
