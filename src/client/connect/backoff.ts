import { BACKOFF_BASE_MS, BACKOFF_CEILING_MS } from "../../wire/defaults.ts"

/** How long to wait before the nth climb in a row: exponential with full jitter, so that a herd spreads. Pure. */
export function backoffMs(attempt: number, random: number, ceilingMs = BACKOFF_CEILING_MS): number {
  return Math.round(random * Math.min(ceilingMs, BACKOFF_CEILING_MS, BACKOFF_BASE_MS * 2 ** attempt))
}
