// @ts-check
// `npm start`: a hub with a chat room, and a page with switches that break the transports under it.

import { readFile } from "node:fs/promises"
import { createServer } from "node:http"
import { fileURLToPath } from "node:url"
import { build } from "esbuild"
import { createHub } from "everwire/node"
import { openRoom } from "./room.mjs"
import { Switches } from "./switches.mjs"

/** @typedef {import("./contract.ts").Chat} Chat */

const { HOST = "127.0.0.1", PORT = "0" } = process.env

const switches = new Switches()
const hub = /** @type {import("everwire/node").NodeHub<Chat>} */ (createHub())
const room = openRoom(hub, () => switches.positions)
const files = await loadPage()

const server = createServer((request, response) => {
  switches.request(request, response, () => hub.listener(request, response, () => answer(request, response)))
})
server.on("upgrade", (request, socket, head) => {
  switches.upgrade(request, socket, () => hub.handleUpgrade(request, socket, head) || socket.destroy())
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

for (const signal of ["SIGINT", "SIGTERM"]) {
  process.once(signal, () => {
    room.close()
    void hub.close({ drainMs: 500 }).then(() => process.exit(0))
  })
}

/**
 * Answers requests that are not for the hub: the page's files and the switches.
 *
 * @param {import("node:http").IncomingMessage} request
 * @param {import("node:http").ServerResponse} response
 */
function answer(request, response) {
  const [path = "/"] = (request.url ?? "/").split("?")
  const file = files.get(path)
  if (path === "/switch") void answerSwitch(request, response)
  else if (file === undefined) response.writeHead(404).end()
  else response.writeHead(200, { "content-type": file.type, "cache-control": "no-store" }).end(file.content)
}

/**
 * `GET /switch` tells how the switches stand; `POST /switch` with `{"transport", "position"}` turns one, for everybody.
 *
 * @param {import("node:http").IncomingMessage} request
 * @param {import("node:http").ServerResponse} response
 */
async function answerSwitch(request, response) {
  if (request.method === "POST") {
    // A page of another origin cannot send this content type without a CORS preflight, which this server does not
    // allow.
    if (request.headers["content-type"] !== "application/json") return void response.writeHead(415).end()
    const wish = await readJson(request)
    if (!switches.turn(wish["transport"], wish["position"])) return void response.writeHead(400).end()
    hub.send("positions", switches.positions)
  }
  response.writeHead(200, { "content-type": "application/json", "cache-control": "no-store" })
  response.end(JSON.stringify(switches.positions))
}

/**
 * @param {import("node:http").IncomingMessage} request
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

/** The page's files by path. Its script is bundled from the built package, as an application would. */
async function loadPage() {
  const here = fileURLToPath(new URL(".", import.meta.url))
  const { outputFiles } = await build({
    entryPoints: [`${here}page.mjs`],
    bundle: true,
    write: false,
    format: "esm",
    platform: "browser",
    target: "es2022",
    // Without this esbuild reads tsconfig.json, whose `paths` would give it the sources instead of the build.
    tsconfigRaw: {},
    logLevel: "warning",
    // The bare imports between chunks, which `sideEffects: false` lets a bundler drop.
    logOverride: { "ignored-bare-import": "silent" },
  })
  return new Map([
    ["/", { type: "text/html; charset=utf-8", content: await readFile(`${here}index.html`) }],
    ["/style.css", { type: "text/css; charset=utf-8", content: await readFile(`${here}style.css`) }],
    ["/page.js", { type: "text/javascript; charset=utf-8", content: outputFiles[0]?.contents }],
  ])
}
