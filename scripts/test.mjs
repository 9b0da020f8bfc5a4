// @ts-check
// `npm test`: runs the steps of test-steps.mjs, two at a time where they do not need each other, and stops at the first
// that fails. The tests print their output as it comes; any other step prints it when it has ended.

import { spawn } from "node:child_process"
import { constants, setPriority } from "node:os"
import { steps } from "./test-steps.mjs"

const AT_ONCE = 2

/** @typedef {import("node:child_process").ChildProcess} ChildProcess */
/** @typedef {import("./test-steps.mjs").Step} Step */

/** @type {Map<Step, ChildProcess>} */
const running = new Map()
const waiting = new Set(steps)
const startedAt = performance.now()

/** @param {Step} step */
const isReady = ({ after, script }) => {
  const before =
    after ??
    steps
      .slice(
        0,
        steps.findIndex((step) => step.script === script),
      )
      .map((step) => step.script)
  return [...waiting, ...running.keys()].every((step) => !before.includes(step.script))
}

startReady()

function startReady() {
  for (const step of waiting) {
    if (running.size < AT_ONCE && isReady(step)) start(step)
  }
}

/** @param {Step} step */
function start(step) {
  waiting.delete(step)
  const { script, args = [], isTimed = false } = step
  const begunAt = performance.now()
  if (isTimed) console.log(`\n— npm run ${script}`)
  // Started by npm, its own file is known; `npm` itself is a script of the shell on Windows.
  const npm = process.env["npm_execpath"]
  const [command, given] = npm === undefined ? ["npm", []] : [process.execPath, [npm]]
  const stdio = isTimed ? "inherit" : "pipe"
  const child = spawn(command, [...given, "run", "-s", script, ...args], { stdio, shell: npm === undefined })
  running.set(step, child)
  if (!isTimed) makeWay(child.pid)
  let printed = ""
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding("utf8").on("data", (/** @type {string} */ text) => {
      printed += text
    })
  }
  child.on("close", (code, signal) => {
    running.delete(step)
    if (process.exitCode) return // Another step has failed, and this one was stopped.
    const what = `${code === 0 ? "passed" : "failed"} in ${secondsSince(begunAt)} s`
    console.log(`${isTimed ? "" : `\n— npm run ${script}\n${printed.trimEnd()}\n`}— npm run ${script} ${what}`)
    if (code !== 0) return fail(code ?? signal)
    startReady()
    if (running.size === 0) console.log(`\neverything passed in ${secondsSince(startedAt)} s`)
  })
}

/**
 * Gives a step what the tests leave of the processors.
 *
 * @param {number | undefined} pid
 */
function makeWay(pid) {
  try {
    if (pid !== undefined) setPriority(pid, constants.priority.PRIORITY_LOW)
  } catch {
    // It has ended already, or may not be changed here.
  }
}

/** @param {number | string | null} code */
function fail(code) {
  process.exitCode = typeof code === "number" ? code : 1
  waiting.clear()
  for (const child of running.values()) child.kill()
}

/** @param {number} since */
function secondsSince(since) {
  return Math.round((performance.now() - since) / 1_000)
}
