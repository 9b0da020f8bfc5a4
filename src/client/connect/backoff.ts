import { BACKOFF_BASE_MS, BACKOFF_CEILING_MS } from "../../wire/defaults.ts"

/**
 * Returns how long to wait before the next climb, in milliseconds, after `attempt` climbs in a row failed. Exponential
 * with full jitter, so that many clients of one server do not come back at the same moment. Pure.
 */
export function backoffMs(attempt: number, random: number, ceilingMs = BACKOFF_CEILING_MS): number {
  return Math.round(random * Math.min(ceilingMs, BACKOFF_CEILING_MS, BACKOFF_BASE_MS * 2 ** attempt))
}
