import type { Runtime } from "../session/runtime.ts"
import { EverwireError } from "../wire/errors.ts"

/** Characters of an id. Each has 5 random bits: 145 in all. */
const ID_LENGTH = 29

/** The wall-clock time at which `performance.now()` was 0, in milliseconds. Set by the first call of `now`. */
let startedAt: number | undefined

/** The system's clock, timers and random numbers. */
export const systemRuntime: Runtime = {
  // The wall clock is read only once, because people and time servers set it forwards and back.
  now() {
    const { performance: steady = Date } = globalThis as { performance?: { now(): number } } // not everywhere
    startedAt ??= Date.now() - steady.now()
    return Math.floor(startedAt + steady.now())
  },
  after(delayMs, run) {
    // Delays of timers have 31 bits. A longer one would fire at once.
    const timer = setTimeout(run, Math.min(delayMs, 0x7fff_ffff))
    return () => clearTimeout(timer)
  },
  soon: (run) => queueMicrotask(run),
  random: () => Math.random(),
  id() {
    if (!globalThis.crypto?.getRandomValues) {
      throw new EverwireError("misuse", "no crypto.getRandomValues: import react-native-get-random-values first")
    }
    return Array.from(crypto.getRandomValues(new Uint8Array(ID_LENGTH)), (byte) => (byte & 31).toString(32)).join("")
  },
  report(error) {
    const { reportError = console.error } = globalThis as { reportError?: (error: unknown) => void } // HTML standard; Node has none
    reportError(error)
  },
}
