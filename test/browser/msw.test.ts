// A fake hub behind the service worker of msw, in a real browser.

import { readFileSync } from "node:fs"
import { createServer } from "node:http"
import { fileURLToPath } from "node:url"
import { build } from "esbuild"
import type { Browser, Page } from "playwright-core"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { disposeAll, startServer } from "../support/hub-server.ts"
import { hasChromium, launchChromium, missChromium } from "./chromium.ts"
import type { MswPage } from "./msw-page.ts"

declare const page: MswPage // Runs in the browser.

missChromium()
describe.skipIf(!hasChromium)("a front end behind msw in Chromium", () => {
  let browser: Browser
  let tab: Page

  beforeAll(async () => {
    const files: Readonly<Record<string, readonly [type: string, body: string]>> = {
      "/": ["text/html", "<!doctype html><script type=module src=/page.js></script>"],
      "/page.js": ["text/javascript", await bundlePage()],
      "/mockServiceWorker.js": ["text/javascript", readFileSync(msw("mockServiceWorker.js"), "utf8")],
    }
    const { port } = await startServer(
      createServer((request, response) => {
        const [type, body] = files[request.url ?? ""] ?? ["text/plain", ""]
        response.writeHead(body === "" ? 404 : 200, { "content-type": type }).end(body)
      }),
    )
    browser = await launchChromium()
    tab = await browser.newPage()
    await tab.goto(`http://127.0.0.1:${port}/`)
    await tab.evaluate(async () => {
      await page.start()
    })
  }, 60_000)
  afterAll(async () => {
    await browser?.close()
    await disposeAll()
  })

  it.each(["websocket", "sse", "long-poll", "short-poll"] as const)(
    "exchanges messages with the fake hub over %s",
    async (name) => {
      expect(await tab.evaluate((transport) => page.talk([transport]), name)).toEqual(["hello", 42, name])
    },
  )

  it("prefers the WebSocket, which is msw's", async () => {
    const told = await tab.evaluate(() => page.talk(["websocket", "sse", "long-poll", "short-poll"]))
    expect(told.at(-1)).toBe("websocket")
  })

  it.each(["sse", "long-poll", "short-poll"] as const)(
    "reconnects over %s when the fake hub stops and starts again",
    async (name) => {
      const told = await tab.evaluate((transport) => page.restart(transport), name)
      expect(told).toEqual(["reconnecting", "are you there?", "open"])
    },
  )
})

const msw = (file: string): string => fileURLToPath(import.meta.resolve(`msw/${file}`))

async function bundlePage(): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL("msw-page.ts", import.meta.url))],
    bundle: true,
    write: false,
    format: "esm",
    platform: "browser",
    target: "es2022",
    conditions: ["everwire-source", "browser"],
    logLevel: "error",
  })
  return outputFiles.map(({ text }) => text).join("")
}
