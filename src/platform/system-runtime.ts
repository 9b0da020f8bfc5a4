import type { Runtime } from "../kernel/runtime.ts"

/** An id has so many bytes: 144 bits. */
const ID_BYTES = 18
/** Random bytes drawn ahead, because asking the system costs the same for one id as for many. */
const pool = new Uint8Array(ID_BYTES * 64)
/** Those before this place were given out, and erased. */
let drawn = pool.length

/** The system's clock, timers and chance. The only file that names them. */
export const systemRuntime: Runtime = {
  now: () => Date.now(),
  after(delayMs, run) {
    // Timers hold 31 bits; a longer wait would fire at once.
    const timer = setTimeout(run, Math.min(delayMs, 0x7fff_ffff))
    return () => clearTimeout(timer)
  },
  soon: (run) => queueMicrotask(run),
  random: () => Math.random(),
  id() {
    const bytes = randomBytes()
    // One replacement with a function: V8 makes a flat string of it, where others leave a chain that the id would hold.
    return btoa(String.fromCharCode(...bytes)).replace(/[+/]/g, (sign) => (sign === "+" ? "-" : "_"))
  },
  report(error) {
    const { reportError } = globalThis as { reportError?: (error: unknown) => void } // HTML standard; Node has none
    if (reportError !== undefined) reportError(error)
    else console.error(error)
  },
}

/** Bytes that are given to nobody else. */
function randomBytes(): Uint8Array {
  if (drawn === pool.length) {
    crypto.getRandomValues(pool)
    drawn = 0
  }
  const bytes = pool.slice(drawn, drawn + ID_BYTES)
  pool.fill(0, drawn, drawn + ID_BYTES)
  drawn += ID_BYTES
  return bytes
}
