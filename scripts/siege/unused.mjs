// @ts-check
// Handshakes of sessions that nobody uses, on every transport: what each costs, when all are gone, and who is refused.

import { setTimeout as sleep } from "node:timers/promises"
import { ask, frame, hello, memory, next, post, repeat, startHub, TRANSPORTS, upgrade } from "./ground.mjs"

/** @typedef {import("./ground.mjs").Row} Row */

/**
 * @param {{ sessions: number, pass?: (ms: number) => Promise<unknown>, options?: import("everwire/node").NodeHubOptions }} given
 * @returns {Promise<Row[]>}
 */
export async function unused({ sessions, pass = sleep, options = {} }) {
  const { hub, port, stop } = await startHub({ ...options, limits: { maxSessionsPerAddress: sessions } })
  const shake = (/** @type {number} */ n) => shakeHands(port, n)
  const warmUp = Math.ceil(sessions / 5)

  await repeat(warmUp, shake)
  await pass(11_000)
  const base = await memory()
  await repeat(sessions, shake)
  const taken = hub.stats().sessions
  const bytes = (await memory()) - base
  await pass(10_000)
  const left = hub.stats().sessions
  const leftBytes = (await memory()) - base
  await stop()
  const small = await startHub({ limits: { maxSessionsPerAddress: 10 } })
  await repeat(40, (n) => shakeHands(small.port, n))
  const refused = small.hub.stats().refused["over-capacity"] ?? 0
  await small.stop()
  return [
    { what: "sessions of one address that were taken", value: taken, most: sessions, unit: "" },
    { what: "bytes for each of them", value: bytes / taken, most: 2_048, unit: "B" },
    { what: "of 40 from an address that may have 10, not refused", value: 30 - refused, most: 0, unit: "" },
    { what: "sessions that are left 10 s later", value: left, most: 0, unit: "" },
    { what: "bytes that are left 10 s later, for each", value: leftBytes / taken, most: 512, unit: "B" },
  ]
}

/**
 * Opens a link of a new session, on one transport after another, and leaves when it is welcomed.
 *
 * @param {number} port
 * @param {number} n
 */
async function shakeHands(port, n) {
  const transport = TRANSPORTS[n % TRANSPORTS.length] ?? "sse"
  const first = transport === "sse" ? '@{"up":1}' : '@{"up":1,"poll":1}'
  const isSocket = transport === "websocket"
  const { socket } = await ask(port, isSocket ? upgrade() : post(transport, `${first}\n${hello()}`))
  if (isSocket) {
    socket.write(frame(hello()))
    await next(socket)
  }
  socket.destroy()
}
