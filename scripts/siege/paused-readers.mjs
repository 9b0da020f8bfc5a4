// @ts-check
// Clients that stop reading after their welcome, on every transport, while the hub goes on sending to each of them.

import { setTimeout as sleep } from "node:timers/promises"
import { createChannel } from "everwire"
import { deaf, MIB, memory, memoryNow, repeat, startHub, TRANSPORTS } from "./ground.mjs"

/** @typedef {import("./ground.mjs").Row} Row */

const HONEST = 4
const MESSAGE_BYTES = 65_536

/**
 * @param {{ readers: number, rounds: number, maxKeptBytes?: number }} given
 * @returns {Promise<Row[]>}
 */
export async function pausedReaders({ readers, rounds, maxKeptBytes = 64 * MIB }) {
  const { hub, port, url, stop } = await startHub({ limits: { maxKeptBytes } })
  const base = await memory()
  /** @type {import("node:net").Socket[]} */
  const sockets = []
  await repeat(
    readers,
    async (n) => void sockets.push(...(await deaf(port, TRANSPORTS[n % TRANSPORTS.length] ?? "sse"))),
  )
  const channels = Array.from({ length: HONEST }, (_, n) =>
    createChannel(url, { transports: [TRANSPORTS[n] ?? "sse"] }),
  )
  let heard = 0
  for (const channel of channels) channel.on("news", () => heard++)
  await Promise.all(channels.map((channel) => channel.opened))
  const honest = new Set(channels.map(({ peerId }) => peerId))
  let kept = 0
  let peak = 0
  for (let round = 0; round < rounds; round++) {
    for (const [id, peer] of hub.peers) {
      peer.send("news", `${round} `.padEnd(honest.has(id) ? 100 : MESSAGE_BYTES, `${round % 10}`))
    }
    kept = Math.max(kept, hub.stats().keptBytes)
    await sleep(1)
    peak = Math.max(peak, memoryNow())
  }
  for (let waited = 0; heard < HONEST * rounds && waited < 10_000; waited += 50) await sleep(50)
  const { ended } = hub.stats()
  const cap = maxKeptBytes / MIB
  const told = ended["over-capacity"] ?? 0
  const lost = [...honest].filter((id) => !hub.peers.has(`${id}`)).length
  for (const socket of sockets) socket.destroy()
  for (const channel of channels) void channel.close()
  await stop()
  return [
    { what: `kept for ${readers} paused readers, as the hub counts`, value: kept / MIB, most: cap, unit: "MiB" },
    { what: "memory at most, above that at the beginning", value: (peak - base) / MIB, most: 2 * cap, unit: "MiB" },
    { what: "readers that were not ended with a code", value: told > 0 ? 0 : 1, most: 0, unit: "" },
    { what: "honest peers that were ended", value: lost, most: 0, unit: "" },
    { what: "messages that honest peers have missed", value: HONEST * rounds - heard, most: 0, unit: "" },
  ]
}
