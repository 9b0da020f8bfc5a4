// @ts-check

import { readFile } from "node:fs/promises"
import { fileURLToPath } from "node:url"
import { build } from "esbuild"

/**
 * The page's files by path. Its script is bundled from the built package, as an application would.
 *
 * @param {number} processes how many processes serve the page. With more than one it shows them.
 */
export async function loadPage(processes) {
  const here = fileURLToPath(new URL(".", import.meta.url))
  const { outputFiles } = await build({
    entryPoints: [`${here}page.mjs`],
    bundle: true,
    write: false,
    format: "esm",
    platform: "browser",
    target: "es2022",
    // Without this esbuild reads tsconfig.json, whose `paths` would give it the sources instead of the build.
    tsconfigRaw: {},
    logLevel: "warning",
    // The bare imports between chunks, which `sideEffects: false` lets a bundler drop.
    logOverride: { "ignored-bare-import": "silent" },
  })
  const html = await readFile(`${here}index.html`, "utf8")
  const content = processes > 1 ? html.replace("<html ", `<html data-processes="${processes}" `) : html
  return new Map([
    ["/", { type: "text/html; charset=utf-8", content }],
    ["/style.css", { type: "text/css; charset=utf-8", content: await readFile(`${here}style.css`) }],
    ["/page.js", { type: "text/javascript; charset=utf-8", content: outputFiles[0]?.contents }],
  ])
}
