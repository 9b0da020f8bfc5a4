// @ts-check
// A minimal WebSocket client, for an abuser that must be faster than the hub. Frames are masked with zeros (RFC 6455,
// 5.3), so that one frame can be sent again without being built again.

import { randomBytes } from "node:crypto"
import { connect } from "node:net"

/** @typedef {{ id?: string, key?: string, said?: number, turn?: number, codec?: string }} Session */
/** @typedef {{ socket: import("node:net").Socket }} Link */

/** @param {Session} session */
export function helloOf(session, turn = session.turn ?? 1) {
  session.id ??= randomBytes(18).toString("base64url")
  session.key ??= randomBytes(18).toString("base64url")
  const { id, key, codec } = session
  return `h${JSON.stringify({ v: 1, id, key, heard: 0, acked: 0, turn, holder: "a", auth: "me", codec })}`
}

let turns = 0

/**
 * Opens a link and sends a hello. While it is refused, it tries again after a short wait.
 *
 * @param {URL} url
 * @param {(code: string) => void} told
 * @param {Session} session
 * @returns {Promise<Link>}
 */
export async function openLink(url, told, session) {
  for (;;) {
    const socket = connect(Number(url.port), url.hostname)
    socket.on("error", () => {})
    socket.setNoDelay(true)
    const hello = helloOf(session, session.turn ?? ++turns)
    socket.write(upgradeOf(url))
    socket.write(frameOf(hello))
    const welcome = await new Promise((resolve) => {
      let before = ""
      socket.on("data", (chunk) => {
        const text = before + chunk.toString("latin1")
        for (const code of codesIn(text)) {
          told(code)
          if (code === "session-unknown" || code === "session-taken" || /\bs-/.test(code)) delete session.id
          resolve(false)
        }
        if (/w\{"v"/.test(text)) resolve(true)
        before = text.slice(-200).replace(/"code"/g, "")
      })
      socket.on("close", () => resolve(false))
    })
    if (welcome && !socket.destroyed) {
      // Each time a new session: the numbers at which an earlier session would resume are not known here.
      socket.on("close", () => {
        if (session.turn === undefined) delete session.id
      })
      if (session.turn === undefined) socket.write(frameOf("n1"))
      return { socket }
    }
    socket.destroy()
    if (session.turn === undefined) delete session.id
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

/**
 * Writes as fast as the hub reads, until the link ends.
 *
 * @param {Link} link
 * @param {() => readonly (string | Buffer)[]} batches Texts, or finished frames
 */
export async function fullSpeed({ socket }, batches) {
  const closed = new Promise((resolve) => socket.once("close", resolve))
  /** @type {readonly (string | Buffer)[] | undefined} */
  let before
  let chunk = Buffer.alloc(0)
  while (!socket.destroyed) {
    const next = batches()
    if (next !== before) chunk = Buffer.concat(next.map((one) => (typeof one === "string" ? frameOf(one) : one)))
    before = next
    if (socket.write(chunk)) await new Promise((resolve) => setImmediate(resolve))
    else await Promise.race([new Promise((resolve) => socket.once("drain", resolve)), closed])
  }
}

/** A batch of one packet in bytes: its length with the highest bit set, and the packet. @param {Buffer} packet */
export function packetOf(packet) {
  const head = Buffer.alloc(4)
  head.writeUInt32BE((packet.length | 0x8000_0000) >>> 0)
  return Buffer.concat([head, packet])
}

/**
 * @param {string | Buffer} text
 * @param {number} [first] The frame's first byte. Default 0x81: the last frame of a text message.
 */
export function frameOf(text, first = 0x81) {
  const payload = typeof text === "string" ? Buffer.from(text) : text
  const { length } = payload
  const head =
    length < 126
      ? [first, 0x80 | length]
      : length < 65_536
        ? [first, 0xfe, length >> 8, length & 255]
        : [first, 0xff, 0, 0, 0, 0, length >>> 24, (length >> 16) & 255, (length >> 8) & 255, length & 255]
  return Buffer.concat([Buffer.from([...head, 0, 0, 0, 0]), payload])
}

/** @param {URL} url */
function upgradeOf({ host }) {
  const key = randomBytes(16).toString("base64")
  return `GET /everwire/websocket HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\n\r\n`
}

/**
 * Finds the codes of closings in a received text: the code of a bye or of an answer over HTTP, else the code at the
 * start of a closing frame's reason, else that frame's status.
 *
 * @param {string} text
 */
export function codesIn(text) {
  const told = [...text.matchAll(/"code":"([\w-]+)"/g)].map(([, code]) => String(code))
  if (told.length > 0) return told
  return text
    .split("\x88") // the first byte of a closing frame
    .slice(1)
    .map((frame) => ({ status: 256 * frame.charCodeAt(1) + frame.charCodeAt(2), reason: frame.slice(3) }))
    .filter(({ status }) => status >= 1_000 && status < 5_000)
    .map(({ status, reason }) => /^([a-z][a-z-]+): /.exec(reason)?.[1] ?? `status ${status}`)
}
