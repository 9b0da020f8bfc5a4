import { systemRuntime } from "../../../src/runtimes/system-runtime.ts"
import type { Runtime } from "../../../src/session/runtime.ts"

/** How many of its milliseconds pass in one real millisecond. */
const HASTE = 4

/** The real clock, four times as fast: polls and waits are shorter, while sockets and the rest keep their speed. */
export const hastyClock: Runtime = {
  ...systemRuntime,
  now: () => performance.now() * HASTE,
  after: (delayMs, run) => systemRuntime.after(delayMs / HASTE, run),
}

/** The time that a loopback connection may take. */
export function forLoopback(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 12))
}
