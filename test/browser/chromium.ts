import { execFileSync } from "node:child_process"
import { type Browser, chromium } from "playwright-core"
import { expect, it } from "vitest"

const executablePath = findChromium() ?? ""

/** Whether a browser is installed. Where tests must not be skipped, a test fails when there is none. */
export const hasChromium = executablePath !== ""

/** For a suite that is skipped: reports once that there is no browser. */
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
