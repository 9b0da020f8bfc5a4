import type { Runtime } from "../session/runtime.ts"
import { systemRuntime } from "./system-runtime.ts"

/** An id has so many bytes: 144 bits. */
const ID_BYTES = 18

/** Random bytes drawn ahead, 1,152 for all hubs of a process: a hub needs many ids, and asking the system costs the same for one as for all of these. */
const pool = new Uint8Array(ID_BYTES * 64)
/** Those before this place were given out, and erased. */
let drawn = pool.length

/** As much of Node's Buffer as is used: where there is one, it is quicker than `btoa`. */
interface Encoder {
  from(buffer: ArrayBuffer, at: number, length: number): { toString(encoding: "base64url"): string }
}

/** The next of those bytes as an id: in characters that may stand in a URL (RFC 4648, section 5). */
function idAt(at: number): string {
  const { Buffer } = globalThis as { Buffer?: Encoder } // workers and browsers have none
  if (Buffer !== undefined) return Buffer.from(pool.buffer, at, ID_BYTES).toString("base64url")
  const bytes = pool.subarray(at, at + ID_BYTES)
  // One replacement with a function: V8 makes a flat string of it, where others leave a chain that the id would hold.
  return btoa(String.fromCharCode(...bytes)).replace(/[+/]/g, (sign) => (sign === "+" ? "-" : "_"))
}

/** The system's runtime, for hubs. None of its timers keeps a process alive: connections do, while there are any. */
export const hubRuntime: Required<Runtime> = {
  ...systemRuntime,
  warn: (message) => console.warn(message),
  after(delayMs, run) {
    // Timers hold 31 bits; a longer wait would fire at once.
    const timer: unknown = setTimeout(run, Math.min(delayMs, 0x7fff_ffff))
    const { unref } = timer as { unref?: () => void } // Node's and Bun's timers have it, those of browsers are numbers
    unref?.call(timer)
    return () => clearTimeout(timer as Parameters<typeof clearTimeout>[0])
  },
  id() {
    if (drawn === pool.length) {
      crypto.getRandomValues(pool)
      drawn = 0
    }
    const id = idAt(drawn)
    pool.fill(0, drawn, drawn + ID_BYTES)
    drawn += ID_BYTES
    return id
  },
}
