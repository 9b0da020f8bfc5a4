import type { Closing } from "../../wire/errors.ts"
import type { Slices } from "../limits/slices.ts"
import type { Directory } from "../sessions/directory.ts"
import type { HubSession, HubSessionHost } from "../sessions/hub-session.ts"
import type { Registry } from "../sessions/registry.ts"
import type { Authenticate } from "./authenticate.ts"
import type { Judges } from "./judges.ts"
import type { Sites } from "./sites.ts"

/** What admission needs of its hub. */
export interface AdmissionHost extends HubSessionHost {
  /** When this hub began, by its own clock. */
  readonly startedAt: number
  readonly registry: Registry
  /** Where the session of a hello is found. */
  readonly directory: Directory
  readonly authenticate: Authenticate | undefined
  readonly resumeMs: number
  /** What an honest session never lets wait on a link, in bytes: whoever lets more pile up asks and does not listen. */
  readonly maxLinkBytes: number
  /** Divides the time among peers. */
  readonly slices: Slices
  readonly sites: Sites
  readonly judges: Judges
  /** Why nobody is let in now. */
  closing(): Closing | undefined
  /** A session has begun: before its first link is attached, so that what the application says at once goes first. */
  began(hubSession: HubSession): void
  report(error: unknown): void
}
