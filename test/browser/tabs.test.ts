// Many tabs of one origin where the WebSocket is refused. Browsers open at most six connections to a host over
// HTTP/1.1.

import { createServer } from "node:http"
import { fileURLToPath } from "node:url"
import { build } from "esbuild"
import { createHub } from "everwire/node"
import type { Browser, Page } from "playwright-core"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { disposeAll, onDispose, startServer } from "../support/hub-server.ts"
import { hasChromium, launchChromium, missChromium } from "./chromium.ts"
import type { TabsPage } from "./tabs-page.ts"

declare const page: TabsPage // Runs in the browser.

const TABS = 8

missChromium()
describe.skipIf(!hasChromium)("eight tabs in Chromium, where the WebSocket is refused", () => {
  let browser: Browser
  let url: string

  beforeAll(async () => {
    const script = await bundlePage()
    const server = createServer((request, response) => {
      if (request.url === "/page.js") response.writeHead(200, { "content-type": "text/javascript" }).end(script)
      else response.writeHead(200, { "content-type": "text/html" }).end("<!doctype html><script src=/page.js></script>")
    })
    const hub = createHub({ transports: ["sse", "long-poll", "short-poll"] })
    onDispose(() => hub.close())
    hub.attach(server)
    hub.on("say", (_, peer) => peer.send("echo"))
    const ticking = setInterval(() => hub.send("tick"), 250)
    onDispose(() => clearInterval(ticking))
    const { port } = await startServer(server)
    url = `http://127.0.0.1:${port}/`
    browser = await launchChromium()
  }, 60_000)
  afterAll(async () => {
    await browser?.close()
    await disposeAll()
  })

  it("all connect within 3 s and stay connected, and a polling one takes over a closed one's connection in 3 s", async () => {
    const tabs = await openTabs()
    await wait(7_000)
    const reports = await look(tabs)
    expect(reports.map(({ transport }) => transport).sort()).toEqual([
      ...Array(4).fill("short-poll"),
      ...Array(4).fill("sse"),
    ])
    for (const { openMs, silenceMs } of reports) {
      expect(openMs).toBeLessThan(3_000)
      expect(silenceMs).toBeLessThan(3_000)
    }
    await tabs[reports.findIndex(({ transport }) => transport === "sse")]?.close()
    const left = tabs.filter((tab) => !tab.isClosed())
    // It dials the WebSocket first, and may use a long-poll for a moment until its stream is proved.
    const streams = async () => (await look(left)).filter(({ transport }) => transport === "sse").length
    await expect.poll(streams, { timeout: 3_000 }).toBe(4)
  })

  it("all connect within 4 s and stay connected where there are no Web Locks", async () => {
    const tabs = await openTabs(() => Object.defineProperty(Navigator.prototype, "locks", { value: undefined }))
    await wait(5_000)
    const reports = await look(tabs)
    expect(reports.filter(({ transport }) => transport === "sse").length).toBeLessThan(6)
    for (const { openMs, silenceMs } of reports) {
      expect(openMs).toBeLessThan(4_000)
      expect(silenceMs).toBeLessThan(4_000)
    }
  })

  async function openTabs(prepare: () => unknown = () => {}): Promise<Page[]> {
    const context = await browser.newContext()
    await context.addInitScript(prepare)
    const tabs = await Promise.all(Array.from({ length: TABS }, () => context.newPage()))
    await Promise.all(tabs.map((tab) => tab.goto(url)))
    return tabs
  }
})

const look = (tabs: Page[]): Promise<ReturnType<TabsPage["report"]>[]> =>
  Promise.all(tabs.map((tab) => tab.evaluate(() => page.report())))

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

async function bundlePage(): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL("tabs-page.ts", import.meta.url))],
    bundle: true,
    write: false,
    format: "iife",
    platform: "browser",
    target: "es2022",
    conditions: ["everwire-source", "browser"],
    logLevel: "error",
  })
  return outputFiles.map(({ text }) => text).join("")
}
