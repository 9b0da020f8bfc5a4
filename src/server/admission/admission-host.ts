import type { Closing } from "../../wire/errors.ts"
import type { ClusterLinks } from "../cluster.ts"
import { Slices } from "../limits/slices.ts"
import type { Reports } from "../reports.ts"
import type { Directory } from "../sessions/directory.ts"
import type { HubSession, HubSessionHost } from "../sessions/hub-session.ts"
import type { Registry } from "../sessions/registry.ts"
import type { HubSettings } from "../settings.ts"
import type { Authenticate } from "./authenticate.ts"
import type { Judges } from "./judges.ts"
import type { Refusal } from "./refusals.ts"
import type { Sites } from "./sites.ts"

/** What admission needs from the hub. */
export interface AdmissionHost extends HubSessionHost {
  /** When this hub began, by its own clock, in milliseconds. */
  readonly startedAt: number
  readonly registry: Registry
  /** Finds the session that a hello names. */
  readonly directory: Directory
  readonly authenticate: Authenticate | undefined
  readonly resumeMs: number
  /**
   * Most bytes in a link's send buffer. A client that sends requests without reading the answers exceeds it, and its
   * link is closed.
   */
  readonly maxLinkBytes: number
  /** Divides the hub's time among peers. */
  readonly slices: Slices
  readonly sites: Sites
  readonly judges: Judges
  /** Why the hub admits no new session now; undefined if it does. */
  closing(): Closing | undefined
  /** The links of the cluster; undefined if the hub is alone. */
  links(): ClusterLinks | undefined
  /**
   * Called for a session that is new here before its first link is attached, so that messages that `onPeer` sends at once go first.
   */
  began(hubSession: HubSession, moved: boolean): void
  /** A link was refused, or ended because of its input. */
  refused(refusal: Refusal): void
  report(error: unknown): void
}

/** Adds what links need until they are welcomed to what the hub lends to its sessions. */
export function createAdmissionHost(
  sessionHost: HubSessionHost,
  { authenticate, resumeMs, maxBatchBytes }: HubSettings,
  reports: Reports,
  parts: Pick<AdmissionHost, "registry" | "sites" | "judges" | "closing" | "links">,
): AdmissionHost {
  const { clockwork } = sessionHost
  return {
    ...sessionHost,
    ...parts,
    startedAt: clockwork.now(),
    directory: parts.registry,
    authenticate,
    resumeMs,
    maxLinkBytes: 2 * maxBatchBytes,
    slices: new Slices(clockwork, reports.hubFailed),
    began: ({ peer }, moved) => {
      if (!moved) sessionHost.counts.began++
      reports.began(peer, moved)
    },
    refused: (refusal) => reports.refused(refusal),
    report: reports.hubFailed,
  }
}
