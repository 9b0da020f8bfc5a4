// @ts-check
// Builds the package unless `dist` is newer than everything that it is made of. For `npm start`, whose second run then takes no time.

import { spawnSync } from "node:child_process"
import { readdirSync, statSync } from "node:fs"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("..", import.meta.url))
process.chdir(root)

/** The last files that the development build writes are the declarations; nothing here runs the other one. */
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
