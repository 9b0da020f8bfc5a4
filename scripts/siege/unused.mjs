// @ts-check
// Sessions that are never used after their handshake, on every transport: what each costs in memory, whether all are
// removed, and whether an address is refused above its limit.

import { setTimeout as sleep } from "node:timers/promises"
import { ask, frame, hello, memory, next, post, repeat, startHub, TRANSPORTS, upgrade } from "./ground.mjs"

/** @typedef {import("./ground.mjs").Row} Row */

/** Time within which the hub must have removed an unused session, in milliseconds. */
const GONE_MS = 10_000

/**
 * @param {{ sessions: number, pass?: (ms: number) => Promise<unknown>, options?: import("everwire/node").NodeHubOptions
 * }} given `sessions`: number of sessions on each transport.
 * @returns {Promise<Row[]>}
 */
export async function unused({ sessions, pass = sleep, options = {} }) {
  const { hub, port, stop } = await startHub({ ...options, limits: { maxSessionsPerAddress: sessions } })
  // A first round, so that the engine has compiled the code before memory is measured.
  for (const transport of TRANSPORTS) {
    await repeat(sessions, () => shakeHands(port, transport))
    await pass(GONE_MS + 1_000)
  }
  /** @type {Row[]} */
  const rows = []
  for (const transport of TRANSPORTS) {
    const base = await memory()
    await repeat(sessions, () => shakeHands(port, transport))
    const taken = hub.stats().sessions
    const bytes = (await memory()) - base
    await pass(GONE_MS)
    const left = hub.stats().sessions
    const leftBytes = (await memory()) - base
    rows.push(
      { what: `sessions over ${transport} that were not taken`, value: sessions - taken, most: 0, unit: "" },
      { what: `bytes for each of them over ${transport}`, value: bytes / taken, most: 2_048, unit: "B" },
      { what: `sessions over ${transport} that are left 10 s later`, value: left, most: 0, unit: "" },
      { what: `bytes that are left then, for each over ${transport}`, value: leftBytes / taken, most: 512, unit: "B" },
    )
    await pass(1_000)
  }
  await stop()
  const small = await startHub({ limits: { maxSessionsPerAddress: 10 } })
  await repeat(40, (n) => shakeHands(small.port, TRANSPORTS[n % TRANSPORTS.length] ?? "sse"))
  const refused = small.hub.stats().refused["over-capacity"] ?? 0
  await small.stop()
  rows.push({ what: "of 40 from an address that may have 10, not refused", value: 30 - refused, most: 0, unit: "" })
  return rows
}

/**
 * Opens a link of a new session and closes the connection after the welcome.
 *
 * @param {number} port
 * @param {string} transport
 */
async function shakeHands(port, transport) {
  const first = transport === "sse" ? '@{"up":1}' : '@{"up":1,"poll":1}'
  const isSocket = transport === "websocket"
  const { socket } = await ask(port, isSocket ? upgrade() : post(transport, `${first}\n${hello()}`))
  if (isSocket) {
    socket.write(frame(hello()))
    await next(socket)
  }
  socket.destroy()
}
