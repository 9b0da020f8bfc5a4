// @ts-check
// What an application pays for, measured on the built package as a browser bundle would take it.

import { fileURLToPath } from "node:url"
import { gzipSync } from "node:zlib"
import { build } from "esbuild"

const root = fileURLToPath(new URL("..", import.meta.url))

// `limitBytes` guards what has been reached; `targetBytes` is what is aimed at (docs/decisions tell why it is not met yet).
const budgets = [
  {
    title: "everwire, whole client",
    code: `export { createChannel } from "everwire"`,
    limitBytes: 21_670,
    targetBytes: 9_000,
  },
  {
    title: "everwire/core, WebSocket alone",
    code: `export { createChannel, websocket } from "everwire/core"`,
    limitBytes: 17_975,
    targetBytes: 5_000,
  },
]

/**
 * @param {string} code
 * @param {RegExp} [mangleProps]
 */
async function bundle(code, mangleProps) {
  const result = await build({
    stdin: { contents: code, resolveDir: root },
    bundle: true,
    minify: true,
    write: false,
    metafile: true,
    format: "esm",
    platform: "browser",
    target: "es2022",
    // Left in the output, so that it is named below as what it is.
    external: ["node:*"],
    // Without this esbuild reads tsconfig.json, whose `paths` would give it the sources instead of the build.
    tsconfigRaw: {},
    logLevel: "warning",
    // The bare imports between chunks, which `sideEffects: false` lets a bundler drop.
    logOverride: { "ignored-bare-import": "silent" },
    ...(mangleProps && { mangleProps }),
  })
  const text = result.outputFiles.map((file) => file.text).join("")
  const imports = Object.values(result.metafile.outputs).flatMap((output) => output.imports.map(({ path }) => path))
  return { text, imports }
}

/** @param {string} text */
const gzipped = (text) => gzipSync(text, { level: 9 }).length

let failed = false
for (const { title, code, limitBytes, targetBytes } of budgets) {
  const { text, imports } = await bundle(code)
  const gzipBytes = gzipped(text)
  const problems = imports.map((path) => `imports "${path}"`)
  // The name of the extension stands in the `ws` package and nowhere in a client's own code.
  if (text.includes("permessage-deflate")) problems.push("contains the ws package")
  if (gzipBytes > limitBytes) problems.push(`is ${gzipBytes - limitBytes} B over its limit`)

  console.log(
    `${title}: ${gzipBytes} B gzipped (limit ${limitBytes} B, target ${targetBytes} B, ${text.length} B minified)`,
  )
  // No program that runs: every property is renamed, the platform's and the wire's too, to see what names cost at most.
  const { text: renamed } = await bundle(code, /./)
  console.log(`  with every property renamed: ${gzipped(renamed)} B`)
  for (const problem of problems) console.error(`  ${title}: the bundle ${problem}`)
  failed ||= problems.length > 0
}
if (failed) process.exitCode = 1
