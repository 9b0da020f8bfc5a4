import type { Runtime } from "../session/runtime.ts"

/** Code that awaits `opened` in a chain of up to so many nested `await`s has run before what waits for it. */
const TURNS = 8

/**
 * Runs after the code that awaits `opened`; or by a timer, where a platform does not run promises before its timers. `run`
 * may be called twice.
 */
export async function afterTurns(runtime: Runtime, opened: Promise<void>, run: () => void): Promise<void> {
  const cancel = runtime.after(0, run)
  for (let turn = 0; turn < TURNS; turn++) await opened
  cancel()
  run()
}
