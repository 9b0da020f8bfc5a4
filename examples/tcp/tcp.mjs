// @ts-check
/**
 * everwire over a TCP or Unix domain socket on Node, for channels in services and not in pages.
 *
 * A frame is one byte for its kind, four bytes (big-endian) for the length of its body, and the body: a batch. The body
 * of the last frame tells why the link ends: the code, "retry" or nothing, and the reason, separated by tabs.
 *
 * @typedef {import("everwire").Closing} Closing
 * @typedef {import("everwire").LinkSink} LinkSink
 * @typedef {import("node:net").Socket} Socket
 */
import { isUtf8 } from "node:buffer"
import { connect } from "node:net"

const NAME = "tcp"
const HEADER_BYTES = 5
const [TEXT, BYTES, CLOSING] = [0, 1, 2]
/** Largest batch that the client accepts from a hub. */
const MAX_DOWN_BYTES = 67_108_864
/** After this long without traffic on a closed link, its socket is destroyed, even if the other end has not hung up. */
const GRACE_MS = 2_000

/**
 * The client half. `where` is `{ path }` for a Unix domain socket, or `{ host, port }` for TCP.
 *
 * @param {import("node:net").NetConnectOpts} where
 * @returns {import("everwire").Dialer}
 */
export function tcp(where) {
  return {
    name: NAME,
    supported: () => true,
    dial: (_target, sink) => openLink(connect(where), MAX_DOWN_BYTES, () => sink),
  }
}

/**
 * The server half. Your code makes it listen, limits its connections and closes it.
 *
 * @param {import("node:net").Server} server
 * @returns {import("everwire/node").Acceptor}
 */
export function tcpAcceptor(server) {
  return {
    name: NAME,
    open(door) {
      const onConnection = (/** @type {Socket} */ socket) => {
        const origin = { transport: NAME, address: socket.remoteAddress, header: () => undefined }
        openLink(socket, door.maxBatchBytes, (link) => door.admit(link, origin))
      }
      server.on("connection", onConnection)
      return { close: () => void server.off("connection", onConnection) }
    },
  }
}

/**
 * @param {Socket} socket
 * @param {number} maxBytes
 * @param {(link: import("everwire").Link) => LinkSink} admit
 */
function openLink(socket, maxBytes, admit) {
  let over = false
  let received = Buffer.alloc(0)

  const link = {
    name: NAME,
    get bufferedBytes() {
      return socket.writableLength
    },
    send(/** @type {import("everwire").Batch} */ batch) {
      if (!over) socket.write(typeof batch === "string" ? frame(TEXT, Buffer.from(batch)) : frame(BYTES, batch))
    },
    /** Frames that were written before still go out. If the other end does not hang up, the socket is destroyed. */
    close(/** @type {Closing} */ { code, retryable, reason }) {
      if (over) return
      over = true
      socket.end(frame(CLOSING, Buffer.from(`${code}\t${retryable ? "retry" : ""}\t${reason}`)))
      socket.setTimeout(GRACE_MS, () => socket.destroy())
    },
  }
  const sink = admit(link)

  const end = (/** @type {string} */ code, /** @type {string} */ reason, retryable = true) => {
    if (over) return
    const why = { code: /** @type {Closing["code"]} */ (code), reason, retryable }
    link.close(why)
    sink.closed(why)
  }
  const hear = (/** @type {number | undefined} */ kind, /** @type {Buffer} */ body) => {
    if (kind === BYTES) return sink.batch(body)
    if (!isUtf8(body) || (kind !== TEXT && kind !== CLOSING)) return end("protocol-error", "this is no frame")
    if (kind === TEXT) return sink.batch(body.toString())
    const [code = "", retry, ...reason] = body.toString().split("\t")
    end(code, reason.join("\t"), retry === "retry")
  }
  socket.setNoDelay(true).on("data", (chunk) => {
    if (over) return
    received = Buffer.concat([received, chunk])
    while (!over && received.length >= HEADER_BYTES) {
      const size = HEADER_BYTES + received.readUInt32BE(1)
      if (size > HEADER_BYTES + maxBytes) return end("too-large", `a batch may hold ${maxBytes} bytes`)
      if (received.length < size) return
      const whole = received.subarray(0, size)
      received = received.subarray(size)
      hear(whole[0], whole.subarray(HEADER_BYTES))
    }
  })
  socket.on("drain", () => over || sink.writable())
  socket.on("error", ({ message }) => end("network", message))
  socket.on("close", () => end("network", "the connection ended"))
  return link
}

function frame(/** @type {number} */ kind, /** @type {Uint8Array} */ body) {
  const header = Buffer.alloc(HEADER_BYTES, kind)
  header.writeUInt32BE(body.length, 1)
  return Buffer.concat([header, body])
}
