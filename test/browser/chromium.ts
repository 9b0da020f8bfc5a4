import { execFileSync } from "node:child_process"
import { type Browser, chromium } from "playwright-core"
import { expect, it } from "vitest"

const executablePath = findChromium() ?? ""

/** Whether there is a browser to run in. Where tests must not be skipped, its absence is a failure of its own. */
export const hasChromium = executablePath !== ""

/** Says once for a suite that there is no browser. */
export function missChromium(): void {
  if (hasChromium) return
  const missing = "no Chromium here (CHROME_BIN or `chromium` in the PATH)"
  if (process.env["CI"] === "true") it("has a Chromium to run in", () => expect.fail(missing))
  else console.warn(`${missing}: the suite of the browser is skipped`)
}

export function launchChromium(): Promise<Browser> {
  return chromium.launch({
    executablePath,
    args: [
      "--no-sandbox",
      "--disable-dev-shm-usage",
      "--disable-gpu",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      "--no-first-run",
    ],
  })
}

function findChromium(): string | undefined {
  if (process.env["CHROME_BIN"]) return process.env["CHROME_BIN"]
  try {
    return execFileSync("sh", ["-c", "command -v chromium"], { encoding: "utf8" }).trim()
  } catch {
    return undefined
  }
}
