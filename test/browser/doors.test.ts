// What a page in a real browser is told when its channel cannot reach a hub.

import { createServer } from "node:http"
import { fileURLToPath } from "node:url"
import { build } from "esbuild"
import { createHub, type NodeHubOptions } from "everwire/node"
import type { Browser, Page } from "playwright-core"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { createRuntime, disposeAll, onDispose, startServer } from "../support/hub-server.ts"
import { hasChromium, launchChromium, missChromium } from "./chromium.ts"
import type { DoorsPage } from "./doors-page.ts"

declare const page: DoorsPage // Runs in the browser.

missChromium()
describe.skipIf(!hasChromium)("a page in Chromium", () => {
  let browser: Browser
  let tab: Page
  let origin: string
  let consoleLines = 0

  beforeAll(async () => {
    const script = await bundlePage()
    const { port } = await startServer(
      createServer((request, response) => {
        const url = request.url ?? ""
        if (url.startsWith("/moved")) return response.writeHead(308, { location: "https://hub.example/" }).end()
        if (url === "/page.js") return response.writeHead(200, { "content-type": "text/javascript" }).end(script)
        if (url.startsWith("/gone")) return response.writeHead(404, { "content-type": "text/html" }).end("<h1>404</h1>")
        // Development servers answer every path like this.
        return response
          .writeHead(200, { "content-type": "text/html" })
          .end("<!doctype html><script type=module src=/page.js></script>")
      }),
    )
    origin = `http://127.0.0.1:${port}`
    browser = await launchChromium()
    tab = await browser.newPage()
    tab.on("console", () => {
      consoleLines++
    })
    await tab.goto(origin)
  }, 60_000)
  afterAll(async () => {
    await browser?.close()
    await disposeAll()
  })

  const startHub = async (options: NodeHubOptions = {}): Promise<{ url: string; warned: readonly string[] }> => {
    const runtime = createRuntime()
    const { server, port } = await startServer()
    const hub = createHub({ runtime, ...options })
    hub.attach(server)
    onDispose(() => hub.close())
    return { url: `http://127.0.0.1:${port}`, warned: runtime.warned }
  }

  it("on another port than the hub is told that its origin is refused, dials no more, and the hub warns once", async () => {
    const { url, warned } = await startHub()
    consoleLines = 0
    const told = await tab.evaluate((hub) => page.whyNotOpen(hub), url)
    expect(told).toMatchObject({ status: "closed", code: "origin-refused" })
    expect(told.reason).toContain(origin)
    expect(consoleLines).toBeLessThan(6)
    expect(warned).toEqual([expect.stringMatching(`origin-refused.*${origin}.*"origins"`)])
  })

  it("whose origin is listed is allowed, in every spelling of the origin", async () => {
    const { url } = await startHub({ origins: [`${origin}/`.toUpperCase()] })
    expect(await tab.evaluate((hub) => page.whyNotOpen(hub), url)).toMatchObject({ status: "open" })
  })

  it("is told that there was a redirect", async () => {
    const told = await tab.evaluate((hub) => page.whyNotOpen(hub), `${origin}/moved`)
    expect(told).toMatchObject({ code: "redirected", status: "connecting" })
  })

  it("is told that a path has no hub, whether a page answers there or nothing", async () => {
    expect(await tab.evaluate((hub) => page.whyNotOpen(hub), `${origin}/gone`)).toMatchObject({
      code: "refused",
      reason: expect.stringContaining(`404: ${origin}/gone/`) as unknown,
    })
    expect(await tab.evaluate((hub) => page.whyNotOpen(hub), `${origin}/app`)).toMatchObject({
      code: "captive-portal",
      reason: expect.stringContaining(`${origin}/app/`) as unknown,
    })
  })
})

async function bundlePage(): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL("doors-page.ts", import.meta.url))],
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
