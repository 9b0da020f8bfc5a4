// @ts-check
// Chromium, driven by Playwright. The back/forward cache is enabled, as it is for users.

import { execFileSync } from "node:child_process"
import { chromium } from "playwright-core"

/** @returns {Promise<import("./engine.mjs").Engine>} */
export async function openChromium() {
  const executablePath =
    process.env.CHROME_BIN ?? execFileSync("sh", ["-c", "command -v chromium"], { encoding: "utf8" }).trim()
  const browser = await chromium.launch({
    executablePath,
    args: ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"],
    ignoreDefaultArgs: ["--disable-back-forward-cache"],
  })
  const context = await browser.newContext()
  return {
    version: browser.version(),
    async newTab() {
      const page = await context.newPage()
      const session = await context.newCDPSession(page)
      return {
        cdp: (method, params) => session.send(/** @type {any} */ (method), /** @type {any} */ (params)),
        goto: (url) => page.goto(url),
        reload: () => page.reload(),
        back: () => page.goBack({ waitUntil: "commit" }),
        close: () => page.close({ runBeforeUnload: true }),
        evaluate: (code) => page.evaluate(code),
      }
    },
    close: () => browser.close(),
  }
}
