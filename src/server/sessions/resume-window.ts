import type { HubSession } from "./hub-session.ts"

/** How long it keeps a session that never carried a message. Short, because handshakes alone must not fill memory. */
export const UNUSED_WINDOW_MS = 5_000

/** How long a session may stay without a link, in milliseconds. */
export function windowMs(
  { session, links, durable, formers }: HubSession,
  mayReturn: boolean,
  resumeMs: number,
): number {
  const used = session.heard > 0 || (session.said > 0 && links.isMet)
  // A channel that the hub itself has sent away, or that lost its process, is waited for all the same.
  if (used || durable?.refusal || (durable && formers)) return resumeMs
  return mayReturn ? Math.min(resumeMs, UNUSED_WINDOW_MS) : 0
}
