import { connect } from "node:net"

/** Headers are an array of lines. */
const TEXT = "Content-Type: text/plain;charset=UTF-8\r\n"
const LAST_CHUNK = Buffer.from("0\r\n\r\n")

/** One keep-alive connection of HTTP/1.1 (RFC 9112): it carries one request after another, or one endless stream. */
export class RawHttp {
  /** The request in flight, which is the first, and those that wait for it. */
  #asked = []
  #parts = []
  #bytes = 0
  /** Position of the end of the answer in flight; undefined until its head has arrived. */
  #end

  constructor(port) {
    this.port = port
    this.socket = connect({ port, host: "127.0.0.1", noDelay: true })
    this.socket.on("error", (error) => this.#fail(error))
    this.socket.on("close", () => this.#fail(new Error("the connection was closed")))
    this.socket.on("data", (bytes) => this.onData(bytes))
  }

  /** Sends a request, and resolves with the body of its answer. */
  request(method, path, body = "", headers = TEXT) {
    return new Promise((resolve, reject) => {
      const text = head(this.port, method, path, body, headers) + body
      if (this.#asked.push({ text, resolve, reject }) === 1) this.socket.write(text)
    })
  }

  /** Opens a stream and calls back with the complete lines of its body (which include the sizes of its chunks). */
  stream(path, onLines) {
    let rest = Buffer.alloc(0)
    this.onData = (bytes) => {
      const all = rest.length === 0 ? bytes : Buffer.concat([rest, bytes])
      const end = all.lastIndexOf(10) + 1
      rest = all.subarray(end)
      if (end > 0) onLines(all.subarray(0, end))
    }
    this.socket.write(head(this.port, "GET", path, ""))
  }

  onData = (bytes) => {
    this.#parts.push(bytes)
    this.#bytes += bytes.length
    if (this.#end === undefined) {
      const all = Buffer.concat(this.#parts)
      const end = all.indexOf("\r\n\r\n")
      if (end < 0) return
      const length = /content-length: *(\d+)/i.exec(all.latin1Slice(0, end))?.[1]
      this.#end = { body: end + 4, at: end + 4 + Number(length ?? 0), chunked: length === undefined }
    }
    const { body, at, chunked } = this.#end
    if (this.#bytes < at) return
    const all = this.#parts.length === 1 ? this.#parts[0] : Buffer.concat(this.#parts)
    if (chunked && all.latin1Slice(0, body).includes("chunked") && !all.subarray(-5).equals(LAST_CHUNK)) return
    this.#parts = []
    this.#bytes = 0
    this.#end = undefined
    const { resolve, reject } = this.#asked.shift()
    if (this.#asked.length > 0) this.socket.write(this.#asked[0].text)
    const status = all.latin1Slice(9, 12)
    if (status.startsWith("2")) resolve(all.subarray(body))
    else reject(new Error(all.latin1Slice(0, 500)))
  }

  /** Closes the connection. Requests in flight are never answered. */
  close() {
    this.#asked = []
    this.socket.destroy()
  }

  #fail(error) {
    for (const { reject } of this.#asked.splice(0)) reject(error)
  }
}

function head(port, method, path, body, headers) {
  const lines = method === "GET" ? "" : `${headers}Content-Length: ${Buffer.byteLength(body)}\r\n`
  return `${method} ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n${lines}\r\n`
}
