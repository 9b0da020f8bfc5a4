// @ts-check
// `npm run browsers:situations`: runs the situations of situations.mjs in three browser engines.
//
//   npm run browsers:situations -- --only chromium --match portal --times 3

import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { build } from "esbuild"
import { openChromium } from "./chromium.mjs"
import { openFirefox } from "./firefox.mjs"
import { openFront } from "./front.mjs"
import { SITUATIONS } from "./situations.mjs"
import { openWebKit } from "./webkit.mjs"

/**
 * @typedef {{ id: string, title: string, times: number, atOnce: number, open: () =>
 * Promise<import("./engine.mjs").Engine> }} Row
 */

/** @type {Row[]} */
const ENGINES = [
  { id: "chromium", title: "Chromium", times: 15, atOnce: 5, open: openChromium },
  { id: "firefox", title: "Firefox", times: 5, atOnce: 5, open: openFirefox },
  // WebDriver controls one tab at a time.
  { id: "webkit", title: "WebKitGTK", times: 5, atOnce: 1, open: openWebKit },
]
const { only, match, times } = parseArgs({
  options: { only: { type: "string" }, match: { type: "string", default: "" }, times: { type: "string" } },
}).values

const scripts = { "/page.js": await bundle("situation-page.mjs"), "/worker.js": await bundle("worker.mjs") }
let failed = false
for (const row of ENGINES) {
  if (only !== undefined && !only.split(",").includes(row.id)) continue
  const engine = await row.open()
  try {
    console.log(`\n${row.title} ${engine.version}`)
    for (const situation of SITUATIONS) {
      if (!new RegExp(match).test(situation.title) || !(situation.only?.includes(row.id) ?? true)) continue
      console.log(`${situation.title} ${await cell(row, engine, situation)}`)
    }
  } finally {
    await engine.close()
  }
}
process.exitCode = failed ? 1 : 0

/**
 * @param {Row} row
 * @param {import("./engine.mjs").Engine} engine
 * @param {import("./situations.mjs").Situation} situation
 */
async function cell(row, engine, situation) {
  /** @type {number[]} */
  const found = []
  /** @type {string[]} */
  const wrong = []
  let left = Number(times ?? row.times)
  const one = async () => {
    while (left-- > 0) {
      const front = await openFront(scripts)
      const tab = await engine.newTab()
      try {
        const ms = await situation.run({ tab, front, engine, id: row.id })
        if (ms > situation.mostMs) wrong.push(`${Math.round(ms)} ms`)
        found.push(ms)
      } catch (error) {
        wrong.push((error instanceof Error ? error.message : String(error)).split("\n")[0])
      }
      await tab.close().catch(() => {})
      await front.close()
    }
  }
  await Promise.all(Array.from({ length: row.atOnce }, one))
  failed ||= wrong.length > 0
  const seconds = found.map((ms) => ms / 1_000).sort((one, other) => one - other)
  const spread = seconds.length > 0 ? `${seconds[0].toFixed(1)} to ${seconds.at(-1)?.toFixed(1)} s` : ""
  return `${[spread, ...new Set(wrong.map((each) => `✗ ${each}`))].join(" ")} (${found.length})`
}

/** @param {string} file */
async function bundle(file) {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL(file, import.meta.url))],
    bundle: true,
    write: false,
    format: "iife",
    platform: "browser",
    target: "es2022",
    logLevel: "error",
    // Without this esbuild reads tsconfig.json, whose `paths` would give it the sources instead of the build.
    tsconfigRaw: {},
  })
  return outputFiles.map(({ text }) => text).join("")
}
