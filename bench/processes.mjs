import { fork } from "node:child_process"
import { fileURLToPath } from "node:url"

/**
 * Starts a file of this package as a process whose functions can be called. `stop` ends it; a process that ends by
 * itself fails every call that waits.
 */
export function start(file, args, execArgv = []) {
  const child = fork(fileURLToPath(new URL(file, import.meta.url)), args, { execArgv })
  const waiting = new Map()
  let lastId = 0
  let ended
  child.on("message", ({ id, value, error }) => {
    const { resolve, reject } = waiting.get(id)
    waiting.delete(id)
    if (error === undefined) resolve(value)
    else reject(new Error(error))
  })
  child.on("exit", (code, signal) => {
    ended = new Error(`${file} ${args.join(" ")} ended with ${code ?? signal}`)
    for (const { reject } of waiting.values()) reject(ended)
  })
  return {
    call(name, ...args) {
      return new Promise((resolve, reject) => {
        if (ended !== undefined) return reject(ended)
        const id = ++lastId
        waiting.set(id, { resolve, reject })
        child.send({ id, name, args })
      })
    },
    stop() {
      return new Promise((resolve) => {
        if (ended !== undefined) return resolve()
        child.once("exit", resolve)
        child.disconnect()
      })
    },
  }
}

/** In such a process: what can be called. It ends when its parent lets go of it. */
export function answer(functions) {
  process.on("message", async ({ id, name, args }) => {
    try {
      process.send({ id, value: await functions[name](...args) })
    } catch (error) {
      process.send({ id, error: error.stack ?? String(error) })
    }
  })
  process.on("disconnect", () => process.exit())
}
