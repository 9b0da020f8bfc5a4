import type { Runtime } from "../session/runtime.ts"
import { EverwireError } from "../wire/errors.ts"

/** An id has so many characters of 5 bits: 145 bits. */
const ID_LENGTH = 29

/** What the wall clock showed when `performance.now()` was 0; read when time is first asked for. */
let startedAt: number | undefined

/** The system's clock, timers and chance. The only file that names them. */
export const systemRuntime: Runtime = {
  // The wall clock gives the beginning and nothing else: people and time servers put it back and forth.
  now() {
    const { performance: steady = Date } = globalThis as { performance?: { now(): number } } // not everywhere
    startedAt ??= Date.now() - steady.now()
    return Math.floor(startedAt + steady.now())
  },
  after(delayMs, run) {
    // Timers hold 31 bits; a longer wait would fire at once.
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
