// @ts-check
// Two clients that present the key of the same session, one after the other, on each pair of transports. The hub must
// give the session to the later one.

import { randomBytes } from "node:crypto"
import { connect } from "node:net"
import { setTimeout as sleep } from "node:timers/promises"
import { ask, frame, post, startHub, TRANSPORTS, upgrade } from "./ground.mjs"

/** @typedef {import("./ground.mjs").Row} Row */

const MESSAGES = 20

/** @returns {Promise<Row[]>} */
export async function twoClaimants() {
  const { hub, port, stop } = await startHub({})
  const pairs = TRANSPORTS.flatMap((first) => TRANSPORTS.map((second) => ({ first, second })))
  let untold = 0
  let toFirst = 0
  let missing = 0
  for (const { first, second } of pairs) {
    const id = randomBytes(18).toString("base64url")
    const key = randomBytes(18).toString("base64url")
    const before = new Set(hub.peers.values())
    const helloOf = (/** @type {number} */ turn) =>
      `h${JSON.stringify({ v: 1, id, key, heard: 0, acked: 0, turn, holder: `holder-${turn}-of-${id}` })}`
    const one = await claim(port, first, helloOf(1))
    const other = await claim(port, second, helloOf(2))
    const [peer] = [...hub.peers.values()].filter((each) => !before.has(each))
    for (let n = 0; n < MESSAGES; n++) peer?.send("said", `secret-${n}-`)
    const until = Date.now() + 5_000
    while (heardBy(other) < MESSAGES && Date.now() < until) await sleep(10)
    while (!one.text().includes("session-taken") && Date.now() < until) await sleep(10)
    untold += Number(!one.text().includes('"code":"session-taken"'))
    toFirst += heardBy(one)
    missing += MESSAGES - heardBy(other)
    peer?.close()
    await one.leave()
    await other.leave()
  }
  await stop()
  return [
    { what: `of ${pairs.length} earlier ones not told session-taken`, value: untold, most: 0, unit: "" },
    { what: `of ${pairs.length * MESSAGES} messages told to the earlier ones`, value: toFirst, most: 0, unit: "" },
    { what: "of them missed by the later ones", value: missing, most: 0, unit: "" },
  ]
}

/** @typedef {{ text(): string, leave(): Promise<unknown> }} Claimant */

/** @param {Claimant} claimant */
function heardBy(claimant) {
  return new Set(claimant.text().match(/secret-\d+-/g)).size
}

/**
 * Sends a hello on a link, and collects what comes down after the welcome.
 *
 * @param {number} port
 * @param {string} transport
 * @param {string} hello
 * @returns {Promise<Claimant>}
 */
async function claim(port, transport, hello) {
  let text = ""
  const hear = (/** @type {import("node:net").Socket} */ socket) => {
    socket.on("data", (chunk) => (text += chunk.toString("latin1")))
    return { text: () => text, leave: async () => socket.destroy() }
  }
  if (transport === "websocket") {
    const { socket } = await ask(port, upgrade())
    const claimant = hear(socket)
    socket.write(frame(hello))
    while (!text.includes('w{"v"') && !socket.destroyed) await sleep(1)
    return claimant
  }
  const first = transport === "sse" ? '@{"up":1}' : '@{"up":1,"poll":1}'
  const { socket, answer } = await ask(port, post(transport, `${first}\n${hello}`))
  socket.destroy()
  const [, link] = /"link":"([\w-]+)"/.exec(answer) ?? []
  if (transport === "sse") {
    const [, ticket] = /"ticket":"([\w-]+)"/.exec(answer) ?? []
    const stream = connect(port, "127.0.0.1")
    stream.on("error", () => {}) // the "close" event that follows is enough
    stream.write(`GET /everwire/sse?ticket=${ticket} HTTP/1.1\r\nHost: x\r\n\r\n`)
    const claimant = hear(stream)
    while (!text.includes('w{"v"') && !stream.destroyed) await sleep(1)
    return claimant
  }
  const poll = async () => {
    for (let n = 2; !text.includes('"close"'); n++) {
      const polled = await ask(port, post(transport, `@${JSON.stringify({ link, poll: n })}`))
      text += polled.answer
      polled.socket.destroy()
      await sleep(1)
    }
  }
  const polling = poll()
  return { text: () => text, leave: () => polling }
}
