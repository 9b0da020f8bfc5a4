// @ts-check
// What stands before the hub or the hubs: the page's files, the switches, and the server that has them.

import { createServer } from "node:http"
import { loadPage } from "./page-files.mjs"
import { Switches } from "./switches.mjs"

/**
 * @typedef {import("node:http").IncomingMessage} Request
 * @typedef {import("node:http").ServerResponse} Response
 */

/**
 * What the front gives its requests to.
 *
 * @typedef Behind
 * @property {number} processes how many processes serve the page
 * @property {(request: Request, response: Response, otherwise: () => void) => void} request `otherwise` answers what is
 *   neither for a hub nor for `control`
 * @property {(request: Request, socket: import("node:stream").Duplex, head: Buffer) => void} upgrade
 * @property {(positions: import("./contract.ts").Positions) => void} turned a switch was turned
 * @property {Control} [control] what else the page may read and wish
 */

/**
 * @typedef Control
 * @property {string} path
 * @property {(query: string) => unknown} read
 * @property {(wish: Record<string, unknown>) => boolean} obey returns false if the wish is none that can be granted
 */

const { HOST = "127.0.0.1", PORT = "0" } = process.env

/**
 * Serves the page. Prints the address when it listens.
 *
 * @param {Switches} switches
 * @param {Behind} behind
 */
export async function serveFront(switches, behind) {
  const files = await loadPage(behind.processes)
  /** @type {Control} */
  const turning = {
    path: "/switch",
    read: () => switches.positions,
    obey: ({ transport, position }) => {
      const turned = switches.turn(transport, position)
      if (turned) behind.turned(switches.positions)
      return turned
    },
  }
  const controls = new Map([turning, ...(behind.control ? [behind.control] : [])].map((one) => [one.path, one]))

  /**
   * Answers requests that are not for a hub.
   *
   * @param {Request} request
   * @param {Response} response
   */
  const answer = (request, response) => {
    const [path = "/", query = ""] = (request.url ?? "/").split("?")
    const control = controls.get(path)
    const file = files.get(path)
    if (control !== undefined) void answerControl(control, query, request, response)
    else if (file === undefined) response.writeHead(404).end()
    else response.writeHead(200, { "content-type": file.type, "cache-control": "no-store" }).end(file.content)
  }

  const server = createServer((request, response) => {
    switches.request(request, response, () => behind.request(request, response, () => answer(request, response)))
  })
  server.on("upgrade", (request, socket, head) => {
    switches.upgrade(request, socket, () => behind.upgrade(request, socket, head))
  })
  server.on("error", (error) => {
    console.error(`everwire chat could not start: ${error.message}`)
    process.exit(1)
  })
  server.listen(Number(PORT), HOST, () => {
    const address = server.address()
    const port = typeof address === "object" ? address?.port : PORT
    console.log(`everwire chat: open http://${HOST}:${port}`)
    console.log(`from a terminal: npm run chat -- http://${HOST}:${port}`)
  })
}

/**
 * `GET` tells how things stand; `POST` with a wish in JSON changes them, for everybody.
 *
 * @param {Control} control
 * @param {string} query
 * @param {Request} request
 * @param {Response} response
 */
async function answerControl(control, query, request, response) {
  if (request.method === "POST") {
    // A page of another origin cannot send this content type without a CORS preflight, which this server does not
    // allow.
    if (request.headers["content-type"] !== "application/json") return void response.writeHead(415).end()
    if (!control.obey(await readJson(request))) return void response.writeHead(400).end()
  }
  response.writeHead(200, { "content-type": "application/json", "cache-control": "no-store" })
  response.end(JSON.stringify(control.read(query)))
}

/**
 * @param {Request} request
 * @returns {Promise<Record<string, unknown>>} empty when it is none
 */
async function readJson(request) {
  let text = ""
  try {
    for await (const chunk of request) {
      text += chunk
      if (text.length > 1000) return {}
    }
    return Object(JSON.parse(text))
  } catch {
    return {}
  }
}
