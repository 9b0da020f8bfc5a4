import type { Runtime } from "../kernel/runtime.ts"
import { ID_BYTES, idOf, systemRuntime } from "./system-runtime.ts"

/** Random bytes drawn ahead: a hub needs many ids, and asking the system costs the same for one as for all of these. */
const pool = new Uint8Array(ID_BYTES * 64)
/** Those before this place were given out, and erased. */
let drawn = pool.length

/** The system's runtime, for hubs. */
export const hubRuntime: Runtime = {
  ...systemRuntime,
  id() {
    if (drawn === pool.length) {
      crypto.getRandomValues(pool)
      drawn = 0
    }
    const id = idOf(pool.subarray(drawn, drawn + ID_BYTES))
    pool.fill(0, drawn, drawn + ID_BYTES)
    drawn += ID_BYTES
    return id
  },
}
