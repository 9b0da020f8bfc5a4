import type { Runtime } from "../kernel/runtime.ts"

/** An id has so many bytes: 144 bits. */
export const ID_BYTES = 18

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
  id: () => idOf(crypto.getRandomValues(new Uint8Array(ID_BYTES))),
  report(error) {
    const { reportError } = globalThis as { reportError?: (error: unknown) => void } // HTML standard; Node has none
    if (reportError !== undefined) reportError(error)
    else console.error(error)
  },
}

/** Bytes in characters that may stand in a URL (RFC 4648, section 5). */
export function idOf(bytes: Uint8Array): string {
  // One replacement with a function: V8 makes a flat string of it, where others leave a chain that the id would hold.
  return btoa(String.fromCharCode(...bytes)).replace(/[+/]/g, (sign) => (sign === "+" ? "-" : "_"))
}
