import type { Runtime } from "../session/runtime.ts"
import { systemRuntime } from "./system-runtime.ts"

/** Random bytes in an id: 144 bits. */
const ID_BYTES = 18

/**
 * Random bytes drawn in advance, 1 152 for all hubs of a process. A hub needs many ids, and one call for the bytes of a
 * single id takes as long as one for all of these.
 */
const pool = new Uint8Array(ID_BYTES * 64)
/** Position in the pool. The bytes before it were given out, and are overwritten with zeros. */
let drawn = pool.length

/** The part of Node's Buffer that is used here. It is faster than `btoa`, but only some platforms have it. */
interface Encoder {
  from(buffer: ArrayBuffer, at: number, length: number): { toString(encoding: "base64url"): string }
}

/** Returns the bytes at a position of the pool as an id, in characters that a URL may contain (RFC 4648, section 5). */
function idAt(at: number): string {
  const { Buffer } = globalThis as { Buffer?: Encoder } // workers and browsers have none
  if (Buffer !== undefined) return Buffer.from(pool.buffer, at, ID_BYTES).toString("base64url")
  const bytes = pool.subarray(at, at + ID_BYTES)
  // A single `replace` with a function, because V8 makes a flat string of its result. Others leave a chain of strings,
  // and the id would keep it.
  return btoa(String.fromCharCode(...bytes)).replace(/[+/]/g, (sign) => (sign === "+" ? "-" : "_"))
}

/** The system's runtime, for hubs. Its timers do not keep the process alive; open connections do. */
export const hubRuntime: Required<Runtime> = {
  ...systemRuntime,
  warn: (message) => console.warn(message),
  turn(run) {
    const { setImmediate = queueMicrotask } = globalThis as { setImmediate?: (run: () => void) => unknown } // workers have none
    setImmediate(run)
  },
  after(delayMs, run) {
    // Delays of timers have 31 bits. A longer one would fire at once.
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
