// Run by `npm run bench`: installs this package's dependencies if they have changed, and runs the benchmark.
import { spawnSync } from "node:child_process"
import { existsSync, statSync } from "node:fs"
import { fileURLToPath } from "node:url"

const here = fileURLToPath(new URL(".", import.meta.url))
const installed = new URL("node_modules/.package-lock.json", import.meta.url)
const lock = new URL("package-lock.json", import.meta.url)

const [file, ...args] = process.argv.slice(2)
const isInstalled = existsSync(installed) && statSync(installed).mtimeMs >= statSync(lock).mtimeMs
process.exitCode =
  (isInstalled ? 0 : run("npm", ["ci", "--no-audit", "--no-fund"])) || run(process.execPath, [file, ...args])

/** Runs a command and returns its exit status. */
function run(command, args) {
  return spawnSync(command, args, { cwd: here, stdio: "inherit" }).status ?? 1
}
