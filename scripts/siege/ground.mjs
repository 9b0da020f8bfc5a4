// @ts-check
// The hub that the siege attacks, and raw clients without any logic of a channel.

import { once } from "node:events"
import { createServer } from "node:http"
import { connect } from "node:net"
import { setImmediate as turn } from "node:timers/promises"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { createHub } from "everwire/node"

/** A figure and its upper bound. @typedef {{ what: string, value: number, most: number, unit: string }} Row */
/** @typedef {import("node:net").Socket} Socket */

export const TRANSPORTS = /** @type {const} */ (["websocket", "sse", "long-poll", "short-poll"])
export const MIB = 1024 * 1024

setFlagsFromString("--expose-gc")
/** @type {() => void} */
const collect = runInNewContext("gc")

/** @param {import("everwire/node").NodeHubOptions} options */
export async function startHub(options) {
  const server = createServer()
  const hub = createHub(options)
  hub.onRefused(() => {}) // without a listener the hub would log each refusal to the console
  hub.onError(() => {})
  hub.attach(server)
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  const address = server.address()
  const port = typeof address === "object" && address !== null ? address.port : 0
  return {
    hub,
    port,
    url: `http://127.0.0.1:${port}${hub.path}`,
    async stop() {
      await hub.close()
      server.closeAllConnections()
      server.close()
    },
  }
}

/** Bytes that this process holds after a garbage collection, including those outside of the heap. */
export async function memory() {
  await heap()
  return memoryNow()
}

/** Bytes of this process's heap after a garbage collection. */
export async function heap() {
  for (let times = 0; times < 4; times++) {
    collect()
    await turn()
  }
  return process.memoryUsage().heapUsed
}

export function memoryNow() {
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

let sessions = 0

/** The hello of a new session. */
export function hello() {
  const id = `siege-session-${String(++sessions).padStart(12, "0")}`
  return `h${JSON.stringify({ v: 1, id, key: `key-of-${id}`, heard: 0, acked: 0, turn: 1 })}`
}

/**
 * The bytes of an HTTP request.
 *
 * @param {string} transport
 * @param {string} body
 * @param {number} [bytes] The Content-Length. Default the length of the body.
 */
export function post(transport, body, bytes = Buffer.byteLength(body)) {
  const head = `POST /everwire/${transport} HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: ${bytes}\r\n\r\n`
  return head + body
}

/** The bytes of a WebSocket upgrade request. */
export function upgrade() {
  const key = "dGhlIHNhbXBsZSBub25jZQ=="
  return `GET /everwire/websocket HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\n\r\n`
}

/**
 * A masked text message (RFC 6455, section 5.2), or the beginning of one. The mask is zero.
 *
 * @param {string} text
 * @param {number} [bytes] The length in the frame's header. Default the length of the text.
 */
export function frame(text, bytes = Buffer.byteLength(text)) {
  const head = Buffer.alloc(14)
  head[0] = 0x81
  head[1] = 0xff
  head.writeBigUInt64BE(BigInt(bytes), 2)
  return Buffer.concat([head, Buffer.from(text)])
}

/**
 * Opens a connection, writes the bytes, and resolves with the first data that is answered.
 *
 * @param {number} port
 * @param {string | Buffer} bytes
 * @returns {Promise<{ socket: Socket, answer: string }>}
 */
export async function ask(port, bytes) {
  const socket = connect(port, "127.0.0.1")
  socket.on("error", () => {}) // the "close" event that follows is enough
  await once(socket, "connect")
  socket.write(bytes)
  return { socket, answer: await next(socket) }
}

/**
 * @param {Socket} socket
 * @returns {Promise<string>} The next data; empty when the other side has ended the connection
 */
export function next(socket) {
  return new Promise((resolve) => {
    const heard = (/** @type {Buffer} */ chunk) => done(chunk.toString("latin1"))
    const closed = () => done("")
    const done = (/** @type {string} */ text) => {
      socket.off("data", heard)
      socket.off("close", closed)
      resolve(text)
    }
    socket.on("data", heard)
    socket.on("close", closed)
  })
}

/**
 * Opens a client that reads its welcome and then stops reading.
 *
 * @param {number} port
 * @param {string} transport
 * @returns {Promise<Socket[]>} The client's connections
 */
export async function deaf(port, transport) {
  if (transport === "websocket") {
    const { socket } = await ask(port, upgrade())
    socket.write(frame(hello()))
    await next(socket)
    socket.pause()
    return [socket]
  }
  const first = transport === "sse" ? { up: 1 } : { up: 1, poll: 1 }
  const { socket, answer } = await ask(port, post(transport, `@${JSON.stringify(first)}\n${hello()}`))
  const [, link] = /"link":"([\w-]+)"/.exec(answer) ?? []
  const [, ticket] = /"ticket":"([\w-]+)"/.exec(answer) ?? []
  const second =
    transport === "sse"
      ? `GET /everwire/sse?ticket=${ticket} HTTP/1.1\r\nHost: x\r\n\r\n`
      : post(transport, `@${JSON.stringify({ link, poll: 2 })}`)
  const reader = connect(port, "127.0.0.1")
  reader.on("error", () => {}) // as above
  reader.write(second)
  // Reads one byte, and leaves the rest waiting.
  reader.pause()
  return [socket, reader]
}

/**
 * Runs `work` this many times, several at once.
 *
 * @param {number} times
 * @param {(n: number) => Promise<unknown>} work
 */
export async function repeat(times, work, atOnce = 50) {
  let next = 0
  const worker = async () => {
    while (next < times) await work(next++)
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
}
