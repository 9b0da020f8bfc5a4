// @ts-check
import { createHash } from "node:crypto"
import { Duplex } from "node:stream"

/**
 * @typedef {import("./contract.ts").TransportName} TransportName
 * @typedef {import("./contract.ts").Position} Position
 * @typedef {import("node:http").IncomingMessage} Request
 * @typedef {import("node:http").ServerResponse} Response
 */

/** @type {readonly Position[]} */
const positions = ["fine", "refused", "mute"]

/** Switches in front of the hub. Each disturbs one transport, as a hostile network would. */
export class Switches {
  /** @type {import("./contract.ts").Positions} */
  positions = { websocket: "fine", sse: "fine", "long-poll": "fine", "short-poll": "fine" }
  /** The open exchanges and sockets, each with its transport. */
  #open = /** @type {Map<Response | Duplex, TransportName>} */ (new Map())

  /**
   * Turns a switch. Open connections of the transport are cut. If the new position is "mute", they are silenced
   * instead, and neither end is told.
   *
   * @param {unknown} transport
   * @param {unknown} position
   * @returns {boolean} whether there is such a switch and such a position
   */
  turn(transport, position) {
    if (!this.#has(transport) || !isPosition(position)) return false
    if (this.positions[transport] === position) return true
    this.positions = { ...this.positions, [transport]: position }
    for (const [wire, name] of this.#open) {
      if (name !== transport) continue
      if (position === "mute") silence(wire)
      else wire.destroy()
    }
    return true
  }

  /**
   * @param {Request} request
   * @param {Response} response
   * @param {() => void} pass gives it to the hub
   */
  request(request, response, pass) {
    const transport = this.#transportOf(request)
    if (transport === undefined) return pass()
    this.#track(response, transport)
    const position = this.positions[transport]
    if (position === "fine") return pass()
    request.resume()
    if (position === "refused") response.writeHead(403).end()
    // Mute: the request is accepted and never answered.
  }

  /**
   * @param {Request} request
   * @param {Duplex} socket
   * @param {() => void} pass gives it to the hub
   */
  upgrade(request, socket, pass) {
    const transport = this.#transportOf(request)
    if (transport === undefined) return pass()
    this.#track(socket, transport)
    const position = this.positions[transport]
    if (position === "fine") return pass()
    socket.on("error", () => {}) // the client may leave at any moment
    if (position === "refused") return socket.end("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
    socket.write(switchingProtocols(request))
    silence(socket)
  }

  /** @param {Request} request */
  #transportOf({ url = "" }) {
    // Where there are several processes, the path begins with the page that dials; see proxy.mjs.
    const name = /^(?:\/page-\w+)?\/everwire\/([^/?]+)/.exec(url)?.[1]
    return this.#has(name) ? name : undefined
  }

  /**
   * @param {unknown} name
   * @returns {name is TransportName}
   */
  #has(name) {
    return typeof name === "string" && Object.hasOwn(this.positions, name)
  }

  /**
   * @param {Response | Duplex} wire
   * @param {TransportName} transport
   */
  #track(wire, transport) {
    this.#open.set(wire, transport)
    wire.once("close", () => this.#open.delete(wire))
  }
}

/**
 * Silences a connection: from now on it sends nothing, and drops what arrives on a socket. It stays open, so it looks
 * healthy.
 *
 * @param {Response | Duplex} wire
 */
function silence(wire) {
  Object.assign(wire, { write: () => true, end: () => wire })
  if (wire instanceof Duplex) {
    wire.removeAllListeners("data").resume()
    wire.once("end", () => wire.destroy())
  }
}

/**
 * Returns the server's handshake of a WebSocket (RFC 6455, section 4.2.2). No server reads the socket afterwards.
 *
 * @param {Request} request
 */
function switchingProtocols({ headers }) {
  const key = headers["sec-websocket-key"] ?? ""
  const accept = createHash("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64")
  const [protocol] = headers["sec-websocket-protocol"]?.split(",") ?? []
  return [
    "HTTP/1.1 101 Switching Protocols",
    "Upgrade: websocket",
    "Connection: Upgrade",
    `Sec-WebSocket-Accept: ${accept}`,
    // A client that offered subprotocols closes the socket if the server accepts none of them.
    ...(protocol === undefined ? [] : [`Sec-WebSocket-Protocol: ${protocol}`]),
    "",
    "",
  ].join("\r\n")
}

/**
 * @param {unknown} value
 * @returns {value is Position}
 */
function isPosition(value) {
  return positions.some((position) => position === value)
}
