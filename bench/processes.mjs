import { fork } from "node:child_process"
import { fileURLToPath } from "node:url"

/**
 * glibc gives the top of the heap back to the system when 128 KiB of it are free, unless the process happened to free
 * something larger before: one that handles messages of 64 KiB then faults the same pages in again for every one, and its
 * neighbour does not (mallopt(3), M_TRIM_THRESHOLD). Set for all, so that no peer is measured by that luck; with
 * EVERWIRE_ALLOCATOR=system it is left as it is.
 */
const ALLOCATOR =
  process.env.EVERWIRE_ALLOCATOR === "system"
    ? {}
    : { MALLOC_TRIM_THRESHOLD_: String(1 << 27), MALLOC_MMAP_THRESHOLD_: String(1 << 25) }

/**
 * Starts a file of this package as a process whose functions can be called. `stop` ends it; a process that ends by
 * itself fails every call that waits.
 */
export function start(file, args, execArgv = []) {
  const child = fork(fileURLToPath(new URL(file, import.meta.url)), args, {
    execArgv,
    env: { ...process.env, ...ALLOCATOR },
  })
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
