// @ts-check
// Builds the package unless `dist` is newer than all its sources. For `npm start`, so that a second start is fast.

import { spawnSync } from "node:child_process"
import { readdirSync, statSync } from "node:fs"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("..", import.meta.url))
process.chdir(root)

/** The declarations are the last files that the development build writes. The production build is not run here. */
const builtAt = statSync("dist/index.d.cts", { throwIfNoEntry: false })?.mtimeMs ?? 0
const sources = readdirSync("src", { recursive: true, encoding: "utf8" }).map((name) => `src/${name}`)
const changed = [
  "package.json",
  "package-lock.json",
  "tsconfig.json",
  "tsup.config.ts",
  "tsup.production.config.ts",
  ...sources,
].some((path) => statSync(path).mtimeMs > builtAt)

if (changed) {
  console.log("building everwire ...")
  const { status } = spawnSync("npx", ["tsup", "--silent"], { stdio: "inherit", shell: process.platform === "win32" })
  process.exitCode = status ?? 1
}
