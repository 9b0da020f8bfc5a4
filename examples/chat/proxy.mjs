// @ts-check
import { request as forward } from "node:http"

/**
 * @typedef {import("node:http").IncomingMessage} Request
 * @typedef {{ readonly number: number, readonly port: number }} Backend
 */

/** With what the path of a page's channel begins, so that the proxy can tell the page which process has its link. */
const PAGE = /^\/page-(\w+)(?=\/)/

/**
 * A proxy that gives each request and each WebSocket to the next process, whichever had the one before: as a balancer
 * does that is not sticky.
 */
export class RoundRobin {
  #backends
  #turn = 0
  /** The open WebSockets and event streams of pages, oldest first. */
  #open = /** @type {Set<{ page: string, transport: string, number: number, cut: () => void }>} */ (new Set())

  /** @param {() => readonly Backend[]} backends the processes that can answer now */
  constructor(backends) {
    this.#backends = backends
  }

  /** The number of the process that has a page's WebSocket and of the one that has its event stream. @param {string} page */
  carriers(page) {
    const own = Array.from(this.#open).filter((one) => one.page === page)
    return Object.fromEntries(own.map(({ transport, number }) => [transport, number]))
  }

  /** Cuts a page's WebSocket and event stream. The next ones go to the next process. @param {string} page */
  cut(page) {
    for (const open of this.#open) if (open.page === page) open.cut()
  }

  /**
   * @param {Request} request
   * @param {import("node:http").ServerResponse} response
   */
  request(request, response) {
    const onward = this.#forward(request, response)
    if (onward === undefined) return void response.writeHead(503, { "retry-after": "1" }).end()
    onward.on("response", (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers)
      response.flushHeaders() // an event stream may have nothing to say yet
      answer.on("error", () => response.destroy())
      answer.pipe(response)
    })
    request.pipe(onward)
  }

  /**
   * @param {Request} request
   * @param {import("node:stream").Duplex} client
   * @param {Buffer} head
   */
  upgrade(request, client, head) {
    const onward = this.#forward(request, client)
    if (onward === undefined) return void client.destroy()
    client.on("error", () => onward.destroy())
    onward.on("upgrade", (answer, upstream, first) => {
      client.write(headOf(answer))
      client.write(first)
      upstream.write(head)
      upstream.on("error", () => client.destroy())
      upstream.on("close", () => client.destroy())
      client.on("close", () => upstream.destroy())
      upstream.pipe(client).pipe(upstream)
    })
    onward.on("response", (answer) => {
      client.write(headOf(answer))
      answer.pipe(client)
    })
    onward.end()
  }

  /**
   * Begins a request to the next process. If that fails, the client's connection is cut, as the network would.
   *
   * @param {Request} request
   * @param {import("node:stream").Writable} client
   */
  #forward({ method, url = "/", headers }, client) {
    const backends = this.#backends()
    const backend = backends[this.#turn++ % backends.length]
    if (backend === undefined) return undefined
    const page = PAGE.exec(url)?.[1]
    const path = url.replace(PAGE, "")
    const transport = /^\/everwire\/(websocket|sse)/.exec(path)?.[1]
    if (page !== undefined && transport !== undefined && method === "GET") {
      const open = { page, transport, number: backend.number, cut: () => void client.destroy() }
      this.#open.add(open)
      client.once("close", () => this.#open.delete(open))
    }
    const onward = forward({ host: "127.0.0.1", port: backend.port, method, path, headers, agent: false })
    onward.on("error", () => client.destroy())
    client.once("close", () => onward.destroy())
    return onward
  }
}

/** The status line and the headers of an answer, as they came. @param {Request} answer */
function headOf({ statusCode, statusMessage, rawHeaders }) {
  let text = `HTTP/1.1 ${statusCode} ${statusMessage}\r\n`
  for (let at = 0; at < rawHeaders.length; at += 2) text += `${rawHeaders[at]}: ${rawHeaders[at + 1]}\r\n`
  return `${text}\r\n`
}
