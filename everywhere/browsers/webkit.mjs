// @ts-check
// WebKitGTK, driven by WebDriver (W3C). It needs a display, for example that of `xvfb-run`.

import { spawn } from "node:child_process"
import { createServer } from "node:net"

/** @returns {Promise<import("./engine.mjs").Engine>} */
export async function openWebKit() {
  const port = await freePort()
  const child = spawn("xvfb-run", ["-a", process.env.WEBKIT_DRIVER ?? "WebKitWebDriver", `--port=${port}`], {
    stdio: "ignore",
    detached: true, // a process group, so that the browser is killed with the driver
  })
  /**
   * @param {string} method
   * @param {string} path
   * @param {object} [body]
   */
  const call = async (method, path, body) => {
    const answer = await fetch(`http://127.0.0.1:${port}${path}`, {
      method,
      ...(method === "POST" && { body: JSON.stringify(body ?? {}), headers: { "content-type": "application/json" } }),
    })
    const { value } = /** @type {{ value: any }} */ (await answer.json())
    if (!answer.ok) throw new Error(`${path}: ${value?.error}: ${value?.message}`)
    return value
  }
  await started(() => call("GET", "/status"))
  const { sessionId, capabilities } = await call("POST", "/session", { capabilities: {} })
  const session = `/session/${sessionId}`
  /** WebDriver sends commands to the window chosen last, so the commands of all tabs run one after another. */
  let turn = Promise.resolve()
  /**
   * @param {string} handle
   * @param {() => Promise<any>} run
   */
  const at = (handle, run) => {
    const done = turn.then(() => call("POST", `${session}/window`, { handle })).then(run)
    turn = done.then(
      () => {},
      () => {},
    )
    return done
  }
  const [first] = await call("GET", `${session}/window/handles`)
  return {
    version: capabilities.browserVersion,
    async newTab() {
      const { handle } = await at(first, () => call("POST", `${session}/window/new`, { type: "tab" }))
      return {
        goto: (url) => at(handle, () => call("POST", `${session}/url`, { url })),
        reload: () => at(handle, () => call("POST", `${session}/refresh`)),
        back: () => at(handle, () => call("POST", `${session}/back`)),
        close: () => at(handle, () => call("DELETE", `${session}/window`)),
        evaluate: (code) =>
          at(handle, async () =>
            JSON.parse(
              await call("POST", `${session}/execute/async`, {
                script: `const done = arguments[0]; (async () => JSON.stringify(await (${code})) ?? "null")().then(done)`,
                args: [],
              }),
            ),
          ),
      }
    },
    async close() {
      await call("DELETE", session).catch(() => {})
      process.kill(-(/** @type {number} */ (child.pid)), "SIGTERM")
    },
  }
}

/** @param {() => Promise<unknown>} ask */
async function started(ask) {
  for (const until = Date.now() + 15_000; ; ) {
    try {
      return await ask()
    } catch (error) {
      if (Date.now() > until) throw error
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  }
}

/** @returns {Promise<number>} */
async function freePort() {
  const server = createServer()
  await new Promise((resolve) => server.listen(0, () => resolve(undefined)))
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address())
  await new Promise((resolve) => server.close(resolve))
  return port
}
