// Runs a bundle of entry.mjs (`node page.mjs dist/entry.js`) in Chromium, on a page of the hub's own origin.

import { execFileSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { chromium } from "playwright-core"

const executablePath =
  process.env.CHROME_BIN ?? execFileSync("sh", ["-c", "command -v chromium"], { encoding: "utf8" }).trim()
const task = JSON.parse(process.env.EVERYWHERE)
const browser = await chromium.launch({
  executablePath,
  args: ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"],
})
try {
  const page = await browser.newPage()
  page.on("pageerror", (error) => console.error(String(error)))
  await page.goto(task.url)
  await page.addScriptTag({ type: "module", content: readFileSync(process.argv[2], "utf8") })
  await page.waitForFunction(() => "everywhere" in globalThis)
  console.log(`everywhere: ${await page.evaluate((given) => globalThis.everywhere(given), task)}`)
} finally {
  await browser.close()
}
