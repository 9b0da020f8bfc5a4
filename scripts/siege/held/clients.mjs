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

/**
 * From the hub's process. Without `open` and `ask`: close all of the subject.
 *
 * @typedef {{ subject: string, url: string, open?: number, ask?: number, forMs?: number }} Order
 * `subject`: "ws" or the name of a transport.
 */

/** The clients of each subject. @type {Map<string, Client[]>} */
const clientsOf = new Map()

process.on("disconnect", () => process.exit())
process.on("message", (/** @type {Order} */ order) => void obey(order).then((answer) => process.send?.(answer)))
process.send?.("ready")

/** @param {Order} order */
async function obey({ subject, url, open: more, ask: asking, forMs = 0 }) {
  const clients = clientsOf.get(subject) ?? []
  clientsOf.set(subject, clients)
  if (more !== undefined) return await open(clients, subject, url, more)
  if (asking !== undefined) return await ask(clients.slice(0, asking), forMs)
  await Promise.all(clients.splice(0).map((client) => client.close()))
  return "closed"
}

/**
 * @param {Client[]} clients the opened ones are added
 * @param {string} subject
 * @param {string} url
 * @param {number} count
 * @returns {Promise<number>} How many could not be opened
 */
async function open(clients, subject, url, count) {
  let left = count
  let failed = 0
  const openSome = async () => {
    while (left-- > 0) {
      try {
        clients.push(await (subject === "ws" ? openSocket(url) : openChannel(subject, url)))
      } catch {
        failed++
      }
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, openSome))
  return failed
}

/**
 * @param {string} subject
 * @param {string} url
 * @returns {Promise<Client>}
 */
async function openChannel(subject, url) {
  const transport = /** @type {import("everwire").TransportName} */ (subject) // the only other subjects
  const channel = createChannel(url, { transports: [transport] })
  await channel.opened
  return { ask: () => channel.request("echo", 1), close: () => channel.close() }
}

/**
 * @param {string} url
 * @returns {Promise<Client>}
 */
async function openSocket(url) {
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
 * Makes each client send requests at the interval, each only when its last one is answered.
 *
 * @param {Client[]} clients
 * @param {number} forMs
 * @returns {Promise<{ failed: number, took: number[] }>} `took`: each round trip, in milliseconds
 */
async function ask(clients, forMs) {
  /** @type {number[]} */
  const took = []
  let failed = 0
  const until = performance.now() + forMs
  await Promise.all(
    clients.map(async (client, n) => {
      await sleep((EVERY_MS * n) / clients.length)
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
  return { failed, took }
}
