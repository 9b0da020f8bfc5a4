// @ts-check
// Measures the size of the package in a browser bundle, for both builds.
//
//   npm run size               fails where a build is over its limit
//   npm run size -- --files    also prints the size of each file of the production build

import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { gzipSync } from "node:zlib"
import { build, transform } from "esbuild"
import { minify } from "terser"
import { production } from "./production/build.mjs"

const root = fileURLToPath(new URL("..", import.meta.url))
const { files } = parseArgs({ options: { files: { type: "boolean" } } }).values

/**
 * `limits` guard the present sizes: a rise needs a paragraph in docs/decisions/0010-size.md. `targetBytes` is the goal; that
 * page says why it is not met.
 */
const budgets = [
  {
    title: "everwire, whole client",
    code: `export { createChannel } from "everwire"`,
    limits: { development: 26_132, production: 24_773 },
    targetBytes: 13_900,
  },
  {
    title: "everwire/core, WebSocket alone",
    code: `export { createChannel, websocket } from "everwire/core"`,
    limits: { development: 22_370, production: 21_118 },
    targetBytes: 11_600,
  },
  {
    title: "everwire/socket, the client's class",
    code: `export { createWebSocketClass } from "everwire/socket"`,
    limits: { development: 2_800, production: 2_800 },
  },
  {
    title: "everwire/msgpack alone",
    code: `export { msgpack } from "everwire/msgpack"`,
    limits: { development: 8_470, production: 8_492 },
  },
]

/**
 * @param {string} code
 * @param {import("esbuild").BuildOptions} options
 */
async function bundle(code, options) {
  const { outputFiles = [], metafile = { outputs: {} } } = await build({
    stdin: { contents: code, resolveDir: root },
    bundle: true,
    minify: true,
    write: false,
    metafile: true,
    format: "esm",
    platform: "browser",
    target: "es2022",
    // Kept in the output, so that the size listing below can name it.
    external: ["node:*"],
    // Otherwise esbuild reads tsconfig.json, whose `paths` point to the sources instead of the build.
    tsconfigRaw: {},
    logLevel: "warning",
    // Removes the bare imports between chunks, as bundlers do because of `sideEffects: false`.
    logOverride: { "ignored-bare-import": "silent" },
    ...options,
  })
  const text = outputFiles.map((file) => file.text).join("")
  const outputs = Object.values(metafile.outputs)
  const imports = outputs.flatMap((output) => output.imports.map(({ path }) => path))
  return { text, imports }
}

/** What each binding adds to a bundle that has the whole client, in bytes. Its framework is not counted. */
const bindings = {
  react: { limits: { development: 1_266, production: 1_273 } },
  vue: { limits: { development: 1_465, production: 1_469 } },
  svelte: { limits: { development: 1_401, production: 1_411 } },
  solid: { limits: { development: 1_389, production: 1_392 } },
}
const FRAMEWORKS = ["react", "vue", "svelte/*", "solid-js"]

/** @param {string} text */
const gzipped = (text) => gzipSync(text, { level: 9 }).length

let failed = false
for (const { title, code, limits, targetBytes } of budgets) {
  for (const [condition, limitBytes] of Object.entries(limits)) {
    const { text, imports } = await bundle(code, { conditions: [condition] })
    const gzipBytes = gzipped(text)
    const problems = imports.map((path) => `imports "${path}"`)
    // The name of this extension occurs in the `ws` package and not in the client's code.
    if (text.includes("permessage-deflate")) problems.push("contains the ws package")
    if (gzipBytes > limitBytes) problems.push(`is ${gzipBytes - limitBytes} B over its limit`)
    // Bundlers use one of these two minifiers, or one whose result lies between theirs.
    const { code: other = "" } = await minify(text, { module: true, ecma: 2020, compress: { passes: 2 } })
    const target = condition === "production" && targetBytes ? `, target ${targetBytes} B` : ""
    console.log(
      `${title}, ${condition}: ${gzipBytes} B gzipped (limit ${limitBytes} B${target}, ${text.length} B minified; ${gzipped(other)} B when terser minifies it)`,
    )
    for (const problem of problems) console.error(`  ${title}, ${condition}: the bundle ${problem}`)
    failed ||= problems.length > 0
  }
}
for (const [name, { limits }] of Object.entries(bindings)) {
  for (const [condition, limitBytes] of Object.entries(limits)) {
    const options = { conditions: [condition], external: ["node:*", ...FRAMEWORKS] }
    const client = `export * from "everwire"`
    const { text: without } = await bundle(client, options)
    const { text } = await bundle(`${client}\nexport * from "everwire/${name}"`, options)
    const added = gzipped(text) - gzipped(without)
    console.log(`everwire/${name}, ${condition}: adds ${added} B gzipped (limit ${limitBytes} B)`)
    if (added <= limitBytes) continue
    console.error(`  everwire/${name}, ${condition}: is ${added - limitBytes} B over its limit`)
    failed = true
  }
}
if (files) await printFiles()
if (failed) process.exitCode = 1

/** Each file's share of the whole client: its minified size, and how much smaller the gzipped bundle is without it. */
async function printFiles() {
  const { plugin, options } = production()
  const { text } = await bundle(`export { createChannel } from "./src/index.ts"`, {
    ...options,
    plugins: [plugin],
    conditions: ["everwire-source"],
    // Whitespace is not minified, so that esbuild keeps the comments that mark the beginning of each file.
    minify: false,
    minifyIdentifiers: true,
  })
  const parts = await Promise.all(
    text.split(/^(?=\/\/ )/m).map(async (part) => {
      const { code } = await transform(part, { minifyWhitespace: true })
      return { file: part.slice(3, part.indexOf("\n")), code }
    }),
  )
  const all = gzipped(parts.map(({ code }) => code).join(""))
  const rows = parts.map(({ file, code }) => {
    const others = parts.filter((part) => part.file !== file).map((part) => part.code)
    return { file, minified: code.length, gzipped: all - gzipped(others.join("")) }
  })
  for (const { file, minified, gzipped: saved } of rows.sort((a, b) => b.gzipped - a.gzipped)) {
    console.log(`${String(saved).padStart(6)} B ${String(minified).padStart(6)} B minified  ${file}`)
  }
}
