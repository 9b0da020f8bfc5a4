import { LATE_MS } from "../wire/defaults.ts"
import type { Runtime } from "./runtime.ts"

/** How long a late deadline still waits, so that input that has arrived is processed first. In milliseconds. */
const GRACE_MS = 250

/**
 * Runs `run` after `delayMs` milliseconds. If the timer rings more than `LATE_MS` late, this process was blocked or
 * asleep, and the awaited input may already be in its queue: then `run` waits another `GRACE_MS`. Returns the
 * canceller.
 */
export function deadline(runtime: Runtime, delayMs: number, run: () => void): () => void {
  const at = runtime.now() + delayMs
  let cancel = runtime.after(delayMs, () => {
    if (runtime.now() - at > LATE_MS) cancel = runtime.after(GRACE_MS, run)
    else run()
  })
  return () => cancel()
}
