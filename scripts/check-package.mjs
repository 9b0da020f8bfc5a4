// @ts-check
// What publint and attw do not look at: that every entry of the built package loads in both formats with the same
// exports, and that its types lean on nothing which an application might not have.

import { readdirSync, readFileSync } from "node:fs"
import { createRequire } from "node:module"

const require = createRequire(import.meta.url)
const dist = new URL("../dist/", import.meta.url)
const problems = []

for (const path of Object.keys(require("../package.json").exports)) {
  if (path.endsWith(".json")) continue
  const entry = `everwire${path.slice(1)}`
  const fromImport = Object.keys(await import(entry)).sort()
  const fromRequire = Object.keys(require(entry)).sort()
  if (fromImport.join() !== fromRequire.join()) {
    problems.push(`${entry}: import gives {${fromImport}} and require gives {${fromRequire}}`)
  }
}

for (const file of readdirSync(dist).filter((name) => /\.d\.c?ts$/.test(name))) {
  const text = readFileSync(new URL(file, dist), "utf8")
  for (const [, name = ""] of text.matchAll(/(?:from|import\()\s*["']([^"'.][^"']*)["']/g)) {
    const isAllowed = name === "eventemitter3" || (name.startsWith("node:") && /^node\.d\.c?ts$/.test(file))
    if (!isAllowed) problems.push(`dist/${file}: a public type leans on "${name}"`)
  }
}

if (problems.length === 0) {
  console.log("Every entry loads in both formats with the same exports, and the types stand alone.")
} else {
  console.error(problems.join("\n"))
  process.exitCode = 1
}
