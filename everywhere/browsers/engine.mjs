// @ts-check
// The interface that the tests need of a browser engine.

/**
 * @typedef {{
 *   goto(url: string): Promise<unknown>,
 *   reload(): Promise<unknown>,
 *   back(): Promise<unknown>,
 *   close(): Promise<unknown>,
 *   evaluate(code: string): Promise<any>,
 *   cdp?(method: string, params: object): Promise<unknown>,
 * }} Tab `code` is an expression; what it gives, or resolves to, is plain data. `cdp` sends a command of the Chrome
 * DevTools Protocol.
 *
 * @typedef {{ version: string, newTab(): Promise<Tab>, close(): Promise<unknown> }} Engine
 */

/**
 * What a program prints, as soon as it matches.
 *
 * @param {import("node:child_process").ChildProcess} child
 * @param {import("node:stream").Readable} stream
 * @param {RegExp} wanted
 * @returns {Promise<RegExpExecArray>}
 */
export function printed(child, stream, wanted) {
  return new Promise((resolve, reject) => {
    let text = ""
    stream.setEncoding("utf8").on("data", (more) => {
      text += more
      const found = wanted.exec(text)
      if (found) resolve(found)
    })
    child.once("error", reject)
    child.once("exit", () => reject(new Error(`it ended: ${text}`)))
  })
}
