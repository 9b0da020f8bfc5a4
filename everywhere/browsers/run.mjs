// @ts-check
// `npm run browsers`: leaves pages in three browser engines, over each transport alone. Prints the table of
// docs/runtimes.md. Exits 1 when a hub did not learn in time that a page was left.
//
//   npm run browsers                                each page is left 15 times in each way
//   npm run browsers -- --only firefox --times 3

import { createServer } from "node:http"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { build } from "esbuild"
import { createHub } from "everwire/node"
import { openChromium } from "./chromium.mjs"
import { openFirefox } from "./firefox.mjs"
import { openWebKit } from "./webkit.mjs"

/**
 * @typedef {import("./engine.mjs").Engine} Engine
 * @typedef {import("./engine.mjs").Tab} Tab
 * @typedef {import("everwire/node").Peer} Peer
 * @typedef {{ peer: Peer, code?: string }} Met `code` tells how it ended.
 */

const ENGINES = [
  { id: "chromium", title: "Chromium", open: openChromium },
  { id: "firefox", title: "Firefox", open: openFirefox },
  { id: "webkit", title: "WebKitGTK", open: openWebKit },
]
const TRANSPORTS = ["websocket", "sse", "long-poll", "short-poll"]
/** Time within which the hub must learn that a page was left, and time that a page is away, in milliseconds. */
const GOODBYE_MS = 1_000
const AWAY_MS = 700
const TICK_MS = 50
/** The same for a page that was put away during a dial. It has no link to close, so the hub waits for a timeout. */
const DIALING_MS = 15_000

const { only, times: given } = parseArgs({
  options: { only: { type: "string" }, times: { type: "string", default: "15" } },
}).values
const times = Number(given)

const script = await bundlePage()
const hub = createHub()
/** @type {Map<string, Met>} */
const met = new Map()
hub.onPeer((peer) => {
  /** @type {Met} */
  const entry = { peer }
  met.set(peer.id, entry)
  let said = 0
  const ticking = setInterval(() => peer.send("tick", ++said), TICK_MS)
  peer.onClose(({ code }) => {
    entry.code = code
    clearInterval(ticking)
  })
})
const server = createServer((request, response) => {
  const { pathname } = new URL(request.url ?? "", "http://page")
  const isScript = pathname === "/page.js"
  response.writeHead(200, { "content-type": isScript ? "text/javascript" : "text/html", "cache-control": "no-cache" })
  response.end(
    isScript
      ? script
      : `<!doctype html>${pathname === "/page" ? "<script type=module src=/page.js></script>" : "elsewhere"}`,
  )
  if (isScript) server.emit("script")
})
hub.attach(server)
await new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(undefined)))
const { port } = /** @type {import("node:net").AddressInfo} */ (server.address())
const url = `http://127.0.0.1:${port}`

/**
 * @type {Record<string, (engine: Engine, address: string) => Promise<string>>} What a cell says; "✗" where it failed.
 */
const WAYS = {
  closed: (engine, address) => leave(engine, address, (tab) => tab.close()),
  reloaded: (engine, address) => leave(engine, address, (tab) => tab.reload()),
  "navigated away from": (engine, address) => leave(engine, address, goElsewhere),
  "left while it dials": leaveDialing,
  "away and back": comeBack,
}
const lines = [["engine", "transport", ...Object.keys(WAYS)]]
for (const { id, title, open } of ENGINES) {
  if (only !== undefined && !only.split(",").includes(id)) continue
  const engine = await open()
  try {
    for (const transport of TRANSPORTS) {
      const cells = []
      for (const run of Object.values(WAYS)) {
        cells.push(await run(engine, `${url}/page?transport=${transport}`))
        for (const { peer } of met.values()) peer.close()
        met.clear()
      }
      lines.push([`${title} ${engine.version}`, transport, ...cells])
      console.log(lines.at(-1)?.join(" | "))
    }
  } finally {
    await engine.close()
  }
}
await hub.close()
server.close()
for (const line of [lines[0], lines[0].map(() => "---"), ...lines.slice(1)]) console.log(`| ${line.join(" | ")} |`)
process.exitCode = lines.some((cells) => cells.some((cell) => cell.includes("✗"))) ? 1 : 0

/**
 * Leaves a page that is open. Its peer says goodbye; or it is without a link, where the page is kept to come back.
 *
 * @param {Engine} engine
 * @param {string} address
 * @param {(tab: Tab) => Promise<unknown>} go
 */
async function leave(engine, address, go) {
  /** @type {string[]} */
  const found = []
  for (let time = 0; time < times; time++) {
    const tab = await engine.newTab()
    await tab.goto(address)
    const { peerId } = await pageSays(tab, "opened")
    const entry = /** @type {Met} */ (met.get(peerId))
    await go(tab)
    const isKnown = await until(() => entry.code !== undefined || !entry.peer.connected, GOODBYE_MS)
    // The link may end before the goodbye arrives, which is a separate request.
    await until(() => entry.code !== undefined, GOODBYE_MS / 4)
    found.push(entry.code === "closed-by-peer" ? "goodbyes" : isKnown ? "kept" : "✗ missed")
    await tab.close().catch(() => {})
  }
  return counted(found)
}

/**
 * @param {Engine} engine
 * @param {string} address
 */
async function leaveDialing(engine, address) {
  const tab = await engine.newTab()
  for (let time = 0; time < times; time++) {
    const served = new Promise((resolve) => server.once("script", () => resolve(undefined)))
    const going = tab.goto(address).catch(() => {})
    await served
    await later((time * 7) % 60)
    await goElsewhere(tab)
    await going
  }
  await tab.close()
  const left = () => [...met.values()].filter(({ peer }) => peer.connected).length
  return (await until(() => left() === 0, DIALING_MS)) ? "none left" : `✗ ${left()} left`
}

/**
 * @param {Engine} engine
 * @param {string} address
 */
async function comeBack(engine, address) {
  const tab = await engine.newTab()
  /** @type {string[]} */
  const found = []
  for (let time = 0; time < times; time++) {
    await tab.goto(address)
    const { peerId } = await pageSays(tab, "opened")
    await goElsewhere(tab)
    await later(AWAY_MS)
    await tab.back()
    const told = await pageSays(tab, "opened")
    if (!told.persisted) {
      found.push("loaded anew")
      continue
    }
    const caughtUp = AWAY_MS / TICK_MS
    await until(async () => (await pageSays(tab, "ticks")).length > caughtUp, 3 * GOODBYE_MS)
    /** @type {number[]} */
    const ticks = await pageSays(tab, "ticks")
    const isWhole = ticks.length > caughtUp && ticks.every((tick, at) => tick === at + 1)
    found.push(told.peerId === peerId && isWhole ? "same session" : "✗ another session")
  }
  await tab.close()
  return counted(found)
}

/** @param {Tab} tab */
async function goElsewhere(tab) {
  const go = () =>
    tab.goto(`${url}/elsewhere`).then(
      () => true,
      () => false,
    )
  // The browser may refuse this navigation while another is under way.
  while (!(await go())) await later(5)
}

/**
 * @param {Tab} tab
 * @param {string} what
 */
async function pageSays(tab, what) {
  for (;;) {
    const told = await tab.evaluate(`globalThis.page?.${what}()`).catch(() => undefined)
    if (told) return told
  }
}

/** @param {string[]} found */
function counted(found) {
  const counts = [...new Set(found)].sort().map((each) => `${found.filter((other) => other === each).length} ${each}`)
  return counts.join(", ")
}

/**
 * @param {() => boolean | Promise<boolean>} claim
 * @param {number} withinMs
 */
async function until(claim, withinMs) {
  const deadline = performance.now() + withinMs
  while (!(await claim())) {
    if (performance.now() > deadline) return false
    await later(5)
  }
  return true
}

/** @param {number} ms */
function later(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

async function bundlePage() {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL("page.mjs", import.meta.url))],
    bundle: true,
    write: false,
    format: "esm",
    platform: "browser",
    target: "es2022",
    logLevel: "error",
    // Without this esbuild reads tsconfig.json, whose `paths` would give it the sources instead of the build.
    tsconfigRaw: {},
  })
  return outputFiles.map(({ text }) => text).join("")
}
