import { randomBytes } from "node:crypto"
import { once } from "node:events"
import { connect } from "node:net"

const TEXT = 1
const CLOSE = 8
const PING = 9
const PONG = 10
const MASK = randomBytes(4)

/** A WebSocket client (RFC 6455) that costs the load process as little as possible: it makes no object per frame. */
export class RawWebSocket {
  /** The payload of a data frame. */
  onFrame = (_payload) => {}
  #rest = Buffer.alloc(0)

  constructor(socket) {
    this.socket = socket
  }

  /** `onFrame` is called from the first frame on. That one may come in the same read as the answer to the upgrade. */
  static async open(port, path, { onFrame, protocols = [] } = {}) {
    const socket = connect({ port, host: "127.0.0.1", noDelay: true })
    socket.on("error", () => {})
    const raw = new RawWebSocket(socket)
    if (onFrame !== undefined) raw.onFrame = onFrame
    const offer = protocols.length > 0 ? `Sec-WebSocket-Protocol: ${protocols.join(", ")}\r\n` : ""
    const key = randomBytes(16).toString("base64")
    socket.write(
      `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
        `Sec-WebSocket-Key: ${key}\r\nSec-WebSocket-Version: 13\r\n${offer}\r\n`,
    )
    let head = Buffer.alloc(0)
    while (!head.includes("\r\n\r\n")) {
      const [bytes] = await once(socket, "data")
      head = Buffer.concat([head, bytes])
    }
    if (!head.toString("latin1").startsWith("HTTP/1.1 101")) throw new Error(`no upgrade: ${head}`)
    const end = head.indexOf("\r\n\r\n") + 4
    socket.on("data", (bytes) => raw.#read(bytes))
    // Frames that came with the head are delivered once the caller of `open` listens.
    if (end < head.length) setImmediate(() => raw.#read(head.subarray(end)))
    return raw
  }

  /** Sends several text frames in one write. */
  send(...texts) {
    const frames = texts.map((text) => frame(TEXT, text))
    this.socket.write(frames.length === 1 ? frames[0] : Buffer.concat(frames))
  }

  close() {
    this.socket.end(frame(CLOSE, ""))
  }

  #read(bytes) {
    const all = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes])
    let at = 0
    while (at + 2 <= all.length) {
      let length = all[at + 1] & 0x7f
      let start = at + 2
      if (length === 126) {
        if (at + 4 > all.length) break
        length = all.readUInt16BE(at + 2)
        start = at + 4
      } else if (length === 127) {
        if (at + 10 > all.length) break
        length = Number(all.readBigUInt64BE(at + 2))
        start = at + 10
      }
      if (start + length > all.length) break
      const opcode = all[at] & 0x0f
      const payload = all.subarray(start, start + length)
      if (opcode < 8) this.onFrame(payload)
      else if (opcode === PING) this.socket.write(frame(PONG, payload.toString("latin1")))
      at = start + length
    }
    this.#rest = all.subarray(at)
  }
}

function frame(opcode, text) {
  const bytes = Buffer.byteLength(text)
  const headerBytes = bytes < 126 ? 6 : 8
  if (bytes > 65_535) throw new Error("a load sends no such frame")
  const all = Buffer.allocUnsafe(headerBytes + bytes)
  all[0] = 0x80 | opcode
  if (bytes < 126) all[1] = 0x80 | bytes
  else {
    all[1] = 0x80 | 126
    all.writeUInt16BE(bytes, 2)
  }
  MASK.copy(all, headerBytes - 4)
  all.write(text, headerBytes)
  for (let n = 0; n < bytes; n++) all[headerBytes + n] ^= MASK[n & 3]
  return all
}
