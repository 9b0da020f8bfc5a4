import { UNUSED_WINDOW_MS } from "../../wire/defaults.ts"
import type { HubSession } from "./hub-session.ts"

/** How long a session may stay without a link, in milliseconds. */
export function windowMs({ session, links }: HubSession, mayReturn: boolean, resumeMs: number): number {
  const used = session.heard > 0 || (session.said > 0 && links.isMet)
  if (used) return resumeMs
  return mayReturn ? Math.min(resumeMs, UNUSED_WINDOW_MS) : 0
}
