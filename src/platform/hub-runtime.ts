import type { Runtime } from "../kernel/runtime.ts"
import { ID_BYTES, idOf, systemRuntime } from "./system-runtime.ts"

/** Random bytes drawn ahead: a hub needs many ids, and asking the system costs the same for one as for all of these. */
const pool = new Uint8Array(ID_BYTES * 64)
/** Those before this place were given out, and erased. */
let drawn = pool.length

/** As much of Node's Buffer as is used: where there is one, it is quicker than `btoa`. */
interface Encoder {
  from(buffer: ArrayBuffer, at: number, length: number): { toString(encoding: "base64url"): string }
}
const { Buffer } = globalThis as { Buffer?: Encoder } // workers and browsers have none

/** The next of those bytes as an id. */
function idAt(at: number): string {
  return Buffer === undefined
    ? idOf(pool.subarray(at, at + ID_BYTES))
    : Buffer.from(pool.buffer, at, ID_BYTES).toString("base64url")
}

/** The system's runtime, for hubs. */
export const hubRuntime: Required<Runtime> = {
  ...systemRuntime,
  warn: (message) => console.warn(message),
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
