// Pages that are left, in a real browser: their peers end at the hub at once.

import { createServer } from "node:http"
import { build } from "esbuild"
import { createHub, type NodeHub } from "everwire/node"
import type { Browser, BrowserContext, Page } from "playwright-core"
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest"
import { disposeAll, onArrival, startServer } from "../support/hub-server.ts"
import { hasChromium, launchChromium, missChromium } from "./chromium.ts"

/** How often each page is left in each way. `npm run browsers` leaves them more often, in three engines. */
const TIMES = Number(process.env["LEAVINGS"] ?? 1)

const ways: Readonly<Record<string, (page: Page) => Promise<unknown>>> = {
  reloaded: (page) => page.reload(),
  "navigated away from": (page) => page.goto(new URL("/elsewhere", page.url()).href),
  closed: (page) => page.close(),
}

missChromium()
describe.skipIf(!hasChromium)("a page that is left in Chromium", () => {
  let browser: Browser
  let context: BrowserContext
  let hub: NodeHub
  let url: string
  /** The ids of all peers that the hub has met. */
  const met: string[] = []
  /** Called when a page's request of the hub arrives, and when the hub has a new peer. */
  let onDial = (): void => {}
  let onMet = (): void => {}

  beforeAll(async () => {
    const script = await bundlePage()
    hub = createHub()
    hub.onPeer((peer) => {
      met.push(peer.id)
      onMet()
      peer.send("greeting", "welcome")
    })
    const { port, server } = await startServer(
      createServer((request, response) => {
        const isScript = request.url === "/page.js"
        const page = request.url?.startsWith("/page") ? "<script type=module src=/page.js></script>" : "elsewhere"
        response.writeHead(200, { "content-type": isScript ? "text/javascript" : "text/html" })
        response.end(isScript ? script : `<!doctype html>${page}`)
      }),
    )
    hub.attach(server)
    onArrival(server, ({ url = "" }) => url.startsWith("/everwire") && onDial())
    url = `http://127.0.0.1:${port}`
    browser = await launchChromium()
    context = await browser.newContext()
  }, 60_000)
  afterAll(async () => {
    await browser?.close()
    await hub?.close()
    await disposeAll()
  })

  for (const transport of ["websocket", "sse", "long-poll", "short-poll"]) {
    it.each(Object.keys(ways))(`is gone at the hub when it is %s, over ${transport}`, async (way) => {
      let page = await context.newPage()
      for (let time = 0; time < TIMES; time++) {
        if (page.isClosed()) page = await context.newPage()
        await page.goto(`${url}/page?${transport}`)
        await page.waitForFunction(() => document.title === "open")
        const left = [...met]
        await ways[way]?.(page)
        await vi.waitFor(() => expect(left.filter((id) => hub.peers.has(id))).toEqual([]), {
          timeout: 1_000,
          interval: 10,
        })
      }
      if (!page.isClosed()) await page.close()
      await vi.waitFor(() => expect(hub.peers.size).toBe(0), { timeout: 1_000, interval: 10 })
    })

    it(`leaves no peer behind when it is left while it dials, over ${transport}`, async () => {
      const page = await context.newPage()
      for (let time = 0; time < 3 * TIMES; time++) {
        // It is left when its script may not run yet, when its first request has arrived, and when it is welcomed.
        const moments = [
          Promise.resolve(),
          new Promise<void>((resolve) => {
            onDial = resolve
          }),
          new Promise<void>((resolve) => {
            onMet = resolve
          }),
        ]
        await page.goto(`${url}/page?${transport}`, { waitUntil: "commit" })
        await moments[time % moments.length]
        await page.goto("about:blank")
      }
      await vi.waitFor(() => expect(hub.peers.size).toBe(0), { timeout: 1_500, interval: 10 })
    })
  }
})

async function bundlePage(): Promise<string> {
  const { outputFiles } = await build({
    stdin: {
      contents: `
        import { createChannel } from "everwire"
        const channel = createChannel("/everwire", { transports: [location.search.slice(1)], store: null })
        channel.onStatus((status) => { document.title = status })
      `,
      resolveDir: import.meta.dirname,
    },
    bundle: true,
    write: false,
    format: "esm",
    platform: "browser",
    target: "es2022",
    conditions: ["everwire-source", "browser"],
    alias: { everwire: new URL("../../src/index.ts", import.meta.url).pathname },
    logLevel: "error",
  })
  return outputFiles.map(({ text }) => text).join("")
}
