/** The back-off after a climb in which all rungs failed: full jitter below base × 2^n, at most the ceiling. */
export const BACKOFF_BASE_MS = 500
const BACKOFF_CEILING_MS = 20_000
/**
 * Behind a captive portal: the ceiling of the back-off and the time limit of a dial. Short, because people who have
 * signed in wait for the connection.
 */
export const PORTAL_MS = 2_000
/** Longest wait that a server may ask for. A longer one is shortened to this. */
export const RETRY_AFTER_CEILING_MS = 600_000

/**
 * Returns how long to wait before the next climb, in milliseconds, after `attempt` climbs in a row failed. Exponential
 * with full jitter, so that many clients of one server do not come back at the same moment. Pure.
 */
export function backoffMs(attempt: number, random: number, ceilingMs = BACKOFF_CEILING_MS): number {
  return Math.round(random * Math.min(ceilingMs, BACKOFF_CEILING_MS, BACKOFF_BASE_MS * 2 ** attempt))
}
