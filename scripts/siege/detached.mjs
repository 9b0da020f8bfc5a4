// @ts-check
// Sessions that have lost their link while the hub keeps many bytes for them.

import { ask, frame, hello, MIB, memory, next, repeat, startHub, upgrade } from "./ground.mjs"

/** @typedef {import("./ground.mjs").Row} Row */

/**
 * @param {{ sessions: number, bytes?: number, maxKeptBytes?: number }} given
 * @returns {Promise<Row[]>}
 */
export async function detached({ sessions, bytes = 1_000_000, maxKeptBytes = 64 * MIB }) {
  const { hub, port, stop } = await startHub({ limits: { maxKeptBytes } })
  let told = 0
  hub.onPeer((peer) => {
    peer.onClose(({ code }) => (told += Number(code === "over-capacity")))
  })
  const base = await memory()
  await repeat(sessions, async () => {
    const { socket } = await ask(port, upgrade())
    // The client sends a message: a session that was used is kept for the whole resume window.
    socket.write(frame(`${hello()}\nn1\nmused\t1`))
    await next(socket)
    socket.destroy()
  })
  for (let n = 0; [...hub.peers.values()].some(({ connected }) => connected) && n < 1_000; n++) {
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  const detached = hub.peers.size
  let kept = 0
  let peak = base
  let count = 0
  for (const peer of [...hub.peers.values()]) {
    peer.send("pending", `${++count} `.padEnd(bytes, "x"))
    if (count % 10 > 0) continue
    kept = Math.max(kept, hub.stats().keptBytes)
    peak = Math.max(peak, await memory())
  }
  const { sessions: left, ended } = hub.stats()
  await stop()
  const cap = maxKeptBytes / MIB
  return [
    { what: "sessions that were not detached", value: sessions - detached, most: 0, unit: "" },
    { what: `kept for ${detached} detached sessions, as the hub counts`, value: kept / MIB, most: cap, unit: "MiB" },
    { what: "memory that was used for them", value: (peak - base) / MIB, most: 1.25 * cap, unit: "MiB" },
    { what: "gone without being told why", value: detached - left - (ended["over-capacity"] ?? 0), most: 0, unit: "" },
    { what: "told to the hub, but not to the peer's listener", value: detached - left - told, most: 0, unit: "" },
  ]
}
