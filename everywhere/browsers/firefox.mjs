// @ts-check
// Firefox, driven by WebDriver BiDi (W3C), which Firefox speaks itself, without a driver process.

import { execFileSync, spawn } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { WebSocket } from "ws"
import { printed } from "./engine.mjs"

/** @returns {Promise<import("./engine.mjs").Engine>} */
export async function openFirefox() {
  const file =
    process.env.FIREFOX_BIN ??
    execFileSync("sh", ["-c", "command -v firefox-esr firefox | head -n 1"], { encoding: "utf8" }).trim()
  const profile = mkdtempSync(join(tmpdir(), "everwire-firefox-"))
  const child = spawn(file, ["--headless", "--no-remote", "--profile", profile, "--remote-debugging-port", "0"], {
    stdio: ["ignore", "ignore", "pipe"],
  })
  const [address] = await printed(child, child.stderr, /ws:\/\/\S+/)
  const socket = new WebSocket(`${address}/session`)
  await new Promise((resolve, reject) => socket.once("open", resolve).once("error", reject))
  /** @type {Map<number, (answer: any) => void>} */
  const waiting = new Map()
  socket.on("message", (data) => {
    const answer = JSON.parse(String(data))
    waiting.get(answer.id)?.(answer)
    waiting.delete(answer.id)
  })
  let last = 0
  /**
   * @param {string} method
   * @param {object} params
   */
  const call = async (method, params) => {
    const id = ++last
    socket.send(JSON.stringify({ id, method, params }))
    const { type, error, message, result } = await new Promise((resolve) => waiting.set(id, resolve))
    if (type === "error") throw new Error(`${method}: ${error}: ${message}`)
    return result
  }
  const { capabilities } = await call("session.new", { capabilities: {} })
  return {
    version: capabilities.browserVersion,
    async newTab() {
      const { context } = await call("browsingContext.create", { type: "tab" })
      return {
        goto: (url) => call("browsingContext.navigate", { context, url, wait: "complete" }),
        reload: () => call("browsingContext.reload", { context, wait: "complete" }),
        back: () => call("browsingContext.traverseHistory", { context, delta: -1 }),
        close: () => call("browsingContext.close", { context }),
        async evaluate(code) {
          const { result, exceptionDetails } = await call("script.evaluate", {
            expression: `(async () => JSON.stringify(await (${code})) ?? "null")()`,
            target: { context },
            awaitPromise: true,
          })
          if (exceptionDetails) throw new Error(exceptionDetails.text)
          return JSON.parse(result.value)
        },
      }
    },
    async close() {
      await call("browser.close", {}).catch(() => child.kill())
      await new Promise((resolve) => (child.exitCode === null ? child.once("exit", resolve) : resolve(0)))
      rmSync(profile, { recursive: true, maxRetries: 3, force: true })
    },
  }
}
