import type { Link } from "../../session/link.ts"
import type { Closing } from "../../wire/errors.ts"
import { writeBye } from "../../wire/handshake.ts"
import type { AdmissionHost } from "./admission-host.ts"

/** Tells the channel why its link ends, or why it may bring another hello. */
export function sayBye({ hub, clockwork, startedAt }: AdmissionHost, link: Link, why: Closing): void {
  // If the hub began after the channel last heard from its hub, this most likely is that hub after a restart.
  const tellsAge = why.code === "session-unknown"
  link.send(writeBye(why, { hub, ageMs: tellsAge ? Math.max(0, clockwork.now() - startedAt) : undefined }))
}
