// @ts-check
// A hub behind an HTTP front that can misbehave as captive portals and proxies do. It also serves the test pages.

import { createServer } from "node:http"
import { createHub } from "everwire/node"

/**
 * @typedef {{ status: number, headers?: Record<string, string>, body?: string }} Page What a portal answers in the
 * hub's place.
 * @typedef {import("node:http").IncomingMessage} Request
 * @typedef {import("node:http").ServerResponse} Response
 *
 * @typedef {{
 *   answer?: (request: Request, isUpgrade: boolean) => Page | undefined,
 *   passed?: (request: Request, response: Response) => void,
 * }} Trouble `answer` gives what comes in the hub's place; `passed` may change how the hub's answer goes out.
 */

const TICK_MS = 50

/**
 * @param {Record<string, string>} scripts By path.
 */
export async function openFront(scripts) {
  const hub = createHub()
  hub.handle("echo", (data) => data)
  /** What was said, by the id of the peer that said it. @type {Map<string, number[]>} */
  const said = new Map()
  /** The codes with which peers closed. @type {string[]} */
  const ends = []
  hub.on("say", (number, { id }) => void said.set(id, [...(said.get(id) ?? []), Number(number)]))
  hub.onPeer((peer) => {
    let last = 0
    const ticking = setInterval(() => peer.send("tick", ++last), TICK_MS)
    peer.onClose(({ code }) => {
      ends.push(code)
      clearInterval(ticking)
    })
  })
  /** @type {Set<import("node:net").Socket>} */
  const sockets = new Set()
  const front = {
    url: "",
    /** @type {Trouble} */
    trouble: {},
    /** The time of each request to the hub, in milliseconds of `performance.now()`. @type {number[]} */
    asked: [],
    said,
    ends,
    /** Cuts all open connections. */
    cut() {
      for (const socket of sockets) socket.destroy()
    },
    /** Stops listening, so that no client can connect until `comeBack`. */
    async goAway() {
      const closed = new Promise((resolve) => server.close(resolve))
      front.cut()
      await closed
    },
    comeBack: () => listen(Number(new URL(front.url).port)),
    async close() {
      await hub.close()
      if (server.listening) await front.goAway()
    },
  }
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? "", "http://front")
    if (pathname.startsWith("/everwire")) {
      front.asked.push(performance.now())
      const page = front.trouble.answer?.(request, false)
      if (page) {
        request.resume()
        response.writeHead(page.status, { "content-type": "text/html", ...page.headers })
        return void response.end(page.body ?? PAGE)
      }
      front.trouble.passed?.(request, response)
      return hub.listener(request, response)
    }
    if (pathname === "/stream") {
      // A stream of the application itself, which never ends.
      response.writeHead(200, { "content-type": "text/plain", "cache-control": "no-store" })
      return void response.write("begun")
    }
    const script = scripts[pathname]
    response.writeHead(200, {
      "content-type": script ? "text/javascript" : "text/html",
      "cache-control": "no-store",
    })
    response.end(script ?? `<!doctype html>${pathname === "/page" ? "<script src=/page.js></script>" : PAGE}`)
  })
  server.on("connection", (socket) => {
    sockets.add(socket)
    socket.once("close", () => sockets.delete(socket))
  })
  server.on("upgrade", (request, socket, head) => {
    front.asked.push(performance.now())
    const page = front.trouble.answer?.(request, true)
    if (!page) return void hub.handleUpgrade(request, socket, head)
    const headers = { "content-type": "text/html", connection: "close", ...page.headers }
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
    socket.end(`HTTP/1.1 ${page.status} Page\r\n${lines.join("")}\r\n${page.body ?? PAGE}`)
  })
  /** @param {number} port */
  const listen = (port) =>
    new Promise((resolve, reject) => server.once("error", reject).listen(port, "127.0.0.1", () => resolve(undefined)))
  await listen(0)
  front.url = `http://127.0.0.1:${/** @type {import("node:net").AddressInfo} */ (server.address()).port}`
  return front
}

const PAGE = "<!doctype html><title>Welcome</title><form><input name=room></form>"

/** Answers upgrades with 501, so that the channel can only use HTTP. @type {Trouble["answer"]} */
export const refuseUpgrades = (_, isUpgrade) => (isUpgrade ? { status: 501 } : undefined)

/**
 * A proxy that keeps what a stream brings until it ends, or there are 4 kB of it.
 *
 * @type {Trouble["passed"]}
 */
export function bufferStream(request, response) {
  if (!request.url?.startsWith("/everwire/sse?")) return
  /** @type {Buffer[]} */
  let kept = []
  const write = response.write.bind(response)
  const end = response.end.bind(response)
  const release = () => {
    if (kept.length > 0) write(Buffer.concat(kept))
    kept = []
  }
  response.flushHeaders = () => {}
  response.write = /** @type {any} */ (
    /** @param {string | Buffer} piece */
    (piece, ...rest) => {
      kept.push(Buffer.from(/** @type {any} */ (piece)))
      if (kept.reduce((sum, { length }) => sum + length, 0) >= 4_096) release()
      rest.find((each) => typeof each === "function")?.()
      return true
    }
  )
  response.end = /** @type {any} */ (
    (...given) => {
      release()
      return end(...given)
    }
  )
}
