// @ts-check
// Checks what publint and attw do not: every entry of the built package loads in both formats and both builds with the
// same exports, and its types need no package that an application might not have.

import { execFileSync } from "node:child_process"
import { readdirSync, readFileSync } from "node:fs"
import { createRequire } from "node:module"
import { fileURLToPath } from "node:url"

const require = createRequire(import.meta.url)
const root = fileURLToPath(new URL("..", import.meta.url))
const dist = new URL("../dist/", import.meta.url)
const problems = []

const entries = Object.keys(require("../package.json").exports)
  .filter((path) => !path.endsWith(".json"))
  .map((path) => `everwire${path.slice(1)}`)

/** The exports of each entry, by format, in a process with these conditions; and the path of the first entry. */
const LIST = `
  import { createRequire } from "node:module"
  const require = createRequire(process.cwd() + "/package.json")
  const found = {}
  for (const entry of ${JSON.stringify(entries)}) {
    found[entry + " by import"] = Object.keys(await import(entry)).sort().join()
    found[entry + " by require"] = Object.keys(require(entry)).sort().join()
  }
  console.log(JSON.stringify({ found, at: [import.meta.resolve("everwire"), require.resolve("everwire")] }))
`
const [development, production] = [[], ["--conditions=production"]].map((flags) => {
  const args = [...flags, "--input-type=module", "--eval", LIST]
  return JSON.parse(execFileSync(process.execPath, args, { cwd: root, encoding: "utf8" }))
})
for (const entry of entries) {
  const wanted = development.found[`${entry} by import`]
  for (const [build, { found }] of Object.entries({ development, production })) {
    for (const format of ["import", "require"]) {
      const given = found[`${entry} by ${format}`]
      if (given !== wanted) problems.push(`${entry}: ${format} gives {${given}} in ${build}, and should {${wanted}}`)
    }
  }
}
for (const [build, { at }] of Object.entries({ development, production })) {
  for (const path of at) {
    const isProduction = /[/\\]production[/\\]/.test(path)
    if (isProduction !== (build === "production")) problems.push(`${build} takes ${path}`)
  }
}

/** The entries whose types lean on their framework. */
const FRAMEWORKS = [
  ["react", "react"],
  ["vue", "vue"],
  ["solid", "solid-js"],
]
for (const file of readdirSync(dist).filter((name) => /\.d\.c?ts$/.test(name))) {
  const text = readFileSync(new URL(file, dist), "utf8")
  for (const [, name = ""] of text.matchAll(/(?:from|import\()\s*["']([^"'.][^"']*)["']/g)) {
    const isAllowed =
      name === "eventemitter3" ||
      FRAMEWORKS.some(([entry, framework]) => name === framework && new RegExp(`^${entry}\\.d\\.c?ts$`).test(file)) ||
      (name.startsWith("node:") && /^node\.d\.c?ts$/.test(file))
    if (!isAllowed) problems.push(`dist/${file}: a public type leans on "${name}"`)
  }
}

if (problems.length === 0) {
  console.log("Every entry loads in both formats and both builds with the same exports, and the types stand alone.")
} else {
  console.error(problems.join("\n"))
  process.exitCode = 1
}
