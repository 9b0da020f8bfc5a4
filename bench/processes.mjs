import { fork } from "node:child_process"
import { fileURLToPath } from "node:url"

/**
 * glibc returns the top of the heap to the system when 128 KiB of it are free, unless the process has freed a larger
 * block before (mallopt(3), M_TRIM_THRESHOLD). A process that handles messages of 64 KiB may then fault the same pages
 * in again for every message, while another does not. The threshold is set for all processes, so that no peer's figures
 * depend on this chance. EVERWIRE_ALLOCATOR=system leaves it unset.
 */
const ALLOCATOR =
  process.env.EVERWIRE_ALLOCATOR === "system"
    ? {}
    : { MALLOC_TRIM_THRESHOLD_: String(1 << 27), MALLOC_MMAP_THRESHOLD_: String(1 << 25) }

/**
 * Starts a file of this package as a process whose functions can be called. `stop` ends the process. If it exits by
 * itself, every pending call is rejected.
 */
export function start(file, args, execArgv = []) {
  const child = fork(fileURLToPath(new URL(file, import.meta.url)), args, {
    execArgv,
    env: { ...process.env, ...ALLOCATOR },
  })
  return callerOf(child, `${file} ${args.join(" ")}`)
}

/** Calls the functions that a process serves with `answer`: a child process, or a worker of `node:cluster`. */
export function callerOf(child, name) {
  const waiting = new Map()
  let lastId = 0
  let ended
  child.on("message", ({ id, value, error }) => {
    if (!waiting.has(id)) return // it is not ours: adapters of Socket.IO use the same channel
    const { resolve, reject } = waiting.get(id)
    waiting.delete(id)
    if (error === undefined) resolve(value)
    else reject(new Error(error))
  })
  child.on("exit", (code, signal) => {
    ended = new Error(`${name} ended with ${code ?? signal}`)
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

/** In such a process: serves these functions to the parent. The process exits when the parent disconnects. */
export function answer(functions) {
  process.on("message", async ({ id, name, args }) => {
    if (name === undefined) return // as above
    try {
      process.send({ id, value: await functions[name](...args) })
    } catch (error) {
      process.send({ id, error: error.stack ?? String(error) })
    }
  })
  process.on("disconnect", () => process.exit())
  if (!process.connected) process.exit() // the parent has ended before
}
