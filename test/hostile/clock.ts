import type { Runtime } from "everwire"
import { createRuntime } from "../support/hub-server.ts"

/**
 * A clock that moves only when the test advances it, for a hub on real sockets. The sockets keep working in real time.
 */
export interface Clock {
  readonly runtime: Runtime & { readonly reported: readonly unknown[]; readonly warned: readonly string[] }
  /** Runs all timers that become due, each at its own moment. */
  advance(ms: number): void
  /** How many timers are set. */
  pending(): number
}

export function createClock(): Clock {
  let now = Date.UTC(2026, 0, 1)
  const timers = new Set<{ at: number; run: () => void }>()
  const runtime = createRuntime({
    now: () => now,
    after(delayMs, run) {
      const timer = { at: now + delayMs, run }
      timers.add(timer)
      return () => void timers.delete(timer)
    },
  })
  return {
    runtime,
    pending: () => timers.size,
    advance(ms) {
      const until = now + ms
      for (;;) {
        const [next] = [...timers].filter(({ at }) => at <= until).sort((one, other) => one.at - other.at)
        if (next === undefined) break
        timers.delete(next)
        now = Math.max(now, next.at)
        next.run()
      }
      now = until
    },
  }
}
