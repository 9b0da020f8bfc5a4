import { LATE_MS } from "../wire/defaults.ts"
import type { Runtime } from "./runtime.ts"

/** How long input goes first when a deadline rings late. */
const GRACE_MS = 250

/**
 * Runs `run` when the time is over. A timer that rings much too late shows that this side was held up: what it waits for may
 * have come meanwhile, and is heard first. Returns its canceller.
 */
export function deadline(runtime: Runtime, delayMs: number, run: () => void): () => void {
  const at = runtime.now() + delayMs
  let cancel = runtime.after(delayMs, () => {
    if (runtime.now() - at > LATE_MS) cancel = runtime.after(GRACE_MS, run)
    else run()
  })
  return () => cancel()
}
