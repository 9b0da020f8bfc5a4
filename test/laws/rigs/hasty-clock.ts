import { systemRuntime } from "../../../src/runtimes/system-runtime.ts"
import type { Runtime } from "../../../src/session/runtime.ts"

/** How many of its milliseconds pass in one of ours. */
const HASTE = 4

/** The real clock, hurried: polls and graces pass four times as fast, sockets and everything else take their time. */
export const hastyClock: Runtime = {
  ...systemRuntime,
  now: () => performance.now() * HASTE,
  after: (delayMs, run) => systemRuntime.after(delayMs / HASTE, run),
}

/** What a loopback wire may reasonably take. */
export function forLoopback(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 12))
}
