// @ts-check
// Bodies and messages above the hub's limit for strangers: one at a time, and many that never end.

import { connect } from "node:net"
import { setTimeout as sleep } from "node:timers/promises"
import { ask, frame, MIB, memory, post, startHub, TRANSPORTS, upgrade } from "./ground.mjs"

/** @typedef {import("./ground.mjs").Row} Row */
/** @typedef {import("node:net").Socket} Socket */

/**
 * @param {{ bytes: number, strangers: number }} given
 * @returns {Promise<Row[]>}
 */
export async function oversized({ bytes, strangers }) {
  const { port, stop } = await startHub({})
  /** @type {Row[]} */
  const rows = []
  for (const transport of TRANSPORTS) rows.push(...(await pour(port, transport, bytes)))
  for (const transport of TRANSPORTS) {
    const before = await memory()
    const most = 1_800_000
    // All clients share one buffer, so that what they have not sent yet takes no memory.
    const large = Buffer.alloc(most - 1_000, "x")
    const sockets = await Promise.all(Array.from({ length: strangers }, () => begin(port, transport, most)))
    for (const socket of sockets) socket.write(large)
    await sleep(500)
    const held = (await memory()) - before - large.length
    for (const socket of sockets) socket.destroy()
    const what = `kept for ${strangers} strangers with 1.8 MB each: ${transport}`
    // On a WebSocket, `ws` has begun a message with a read of 64 KiB before the hub drops what comes, and keeps it until
    // the connection ends, 2 s later: about 71 KiB with the connection itself. Over HTTP the hub drops all of a body: a
    // connection, its request and its answer take 8 to 18 KiB.
    const each = transport === "websocket" ? 80 : 24
    rows.push({ what, value: held / MIB, most: (strangers * each) / 1024, unit: "MiB" })
    await sleep(50)
  }
  await stop()
  return rows
}

/**
 * Sends a body or message of this many bytes as fast as possible.
 *
 * @param {number} port
 * @param {string} transport
 * @param {number} bytes
 * @returns {Promise<Row[]>}
 */
async function pour(port, transport, bytes) {
  const socket = await begin(port, transport, bytes)
  let answer = ""
  socket.on("data", (chunk) => (answer += chunk.toString("latin1")))
  const chunk = Buffer.alloc(MIB, "x")
  const before = await memory()
  let peak = before
  let isOpen = true
  socket.once("close", () => (isOpen = false))
  for (let left = bytes; left > 0 && isOpen; left -= chunk.length) {
    if (!socket.write(chunk)) await Promise.race([new Promise((resolve) => socket.once("drain", resolve)), sleep(100)])
    if (left % (4 * MIB) === 0) peak = Math.max(peak, await memory())
  }
  for (let waited = 0; isOpen && waited < 5_000; waited += 50) await sleep(50)
  socket.destroy()
  // The hub refuses with a bye. If the frame's header already gives the size, it refuses with the close code 1009 (RFC
  // 6455, section 7.4.1).
  const isTold =
    transport === "websocket"
      ? answer.includes("too-large") || answer.includes("\u0003\u00f1")
      : answer.startsWith("HTTP/1.1 413")
  const size = `${Math.round(bytes / MIB)} MiB`
  return [
    { what: `growth by one of ${size}: ${transport}`, value: (peak - before) / MIB, most: 2, unit: "MiB" },
    { what: `not told that it is too large: ${transport}`, value: Number(!isTold), most: 0, unit: "" },
    { what: `connections that are left: ${transport}`, value: Number(isOpen), most: 0, unit: "" },
  ]
}

/**
 * Sends the beginning of a first body or first message that is announced with this many bytes.
 *
 * @param {number} port
 * @param {string} transport
 * @param {number} bytes
 * @returns {Promise<Socket>}
 */
async function begin(port, transport, bytes) {
  if (transport === "websocket") {
    const { socket } = await ask(port, upgrade())
    socket.write(frame("h", bytes))
    return socket
  }
  const socket = connect(port, "127.0.0.1")
  socket.on("error", () => {}) // the "close" event that follows is enough
  socket.write(post(transport, '@{"up":1}\nh', bytes))
  return socket
}
