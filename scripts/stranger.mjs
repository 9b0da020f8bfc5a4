// @ts-check
// Follows docs/transports.md to the letter as a new user would, in a fresh folder, with the tarball that would be
// published. Blocks marked `file=name` are parts of that file; blocks marked `sh step` are run, and an `output` block
// after one must be what it prints.

import { execSync } from "node:child_process"
import { appendFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

/** Least number of passed laws. With fewer, the laws were not run. */
const MIN_LAWS = 60

const root = fileURLToPath(new URL("..", import.meta.url))
const parent = mkdtempSync(join(tmpdir(), "everwire-stranger-"))
const folder = join(parent, "message-port")
mkdirSync(folder)
try {
  run(`npm pack --pack-destination "${parent}"`, root)
  const laws = follow(blocksOf(readFileSync(join(root, "docs/transports.md"), "utf8")))
  if (laws < MIN_LAWS) throw new Error(`only ${laws} laws were run`)
  console.log(
    `docs/transports.md, followed to the letter on Node ${process.version}: a transport that keeps ${laws} laws.`,
  )
} finally {
  rmSync(parent, { recursive: true })
}

/** @param {{ marks: string, text: string }[]} blocks */
function follow(blocks) {
  let laws = 0
  for (const [index, { marks, text }] of blocks.entries()) {
    const [, name] = / file=(\S+)/.exec(marks) ?? []
    if (name !== undefined) {
      const file = join(folder, name)
      appendFileSync(file, existsSync(file) ? `\n${text}\n` : `${text}\n`)
    }
    if (marks !== "sh step") continue
    const printed = run(text, folder)
    const next = blocks[index + 1]
    if (next?.marks.endsWith(" output") && printed.trimEnd() !== next.text) {
      throw new Error(`"${text}" printed:\n${printed}\nand should have:\n${next.text}`)
    }
    laws += Number(/^\S+ pass (\d+)$/m.exec(printed)?.[1] ?? 0)
  }
  return laws
}

/** @param {string} markdown */
function blocksOf(markdown) {
  return [...markdown.matchAll(/^```(.+)\n([\s\S]*?)\n```$/gm)].map(([, marks = "", text = ""]) => ({ marks, text }))
}

/**
 * Runs shell lines. Their output is shown when they fail.
 *
 * @param {string} lines
 * @param {string} cwd
 */
function run(lines, cwd) {
  const quick = { npm_config_audit: "false", npm_config_fund: "false", npm_config_prefer_offline: "true" }
  try {
    return execSync(`set -e\n${lines}`, { cwd, env: { ...process.env, ...quick }, encoding: "utf8", stdio: "pipe" })
  } catch (error) {
    const { stdout, stderr } = /** @type {{ stdout: string, stderr: string }} */ (error) // of a command that failed
    throw new Error(`"${lines}" failed:\n${stdout}\n${stderr}`, { cause: error })
  }
}
