import type { Dropped } from "../session/delivery/delivery.ts"
import type { Session } from "../session/session.ts"
import type { Traffic } from "../session/traffic.ts"
import type { ClusterStats } from "./across.ts"
import type { HubCounts, Tally } from "./counts.ts"
import type { HubParts } from "./hub-parts.ts"
import type { Limits } from "./sessions/registry.ts"

/**
 * How a hub is at this moment, and what it has carried, refused and ended since it was created. Plain data without
 * secrets.
 */
export interface HubStats extends HubCarried, Readonly<HubCounts>, Readonly<Traffic> {
  /** Sessions, with and without a link. `limits.maxSessions` is their cap. */
  readonly sessions: number
  /** The limits in force, beside which the numbers here can be read. */
  readonly limits: Limits
  /** Links that have no welcome yet. `limits.maxUnwelcomedLinks` is their cap. */
  readonly unwelcomedLinks: number
  /**
   * Hellos for which `authenticate` runs now or that wait for it. `limits.maxAuthentications` caps those for which it
   * runs.
   */
  readonly authenticating: number
  /** Bytes that the hub keeps for all sessions, counted when this is read. `limits.maxKeptBytes` is their cap. */
  readonly keptBytes: number
  /** How often something was refused, by code. Counts each call of `onRefused`. */
  readonly refused: Tally
  /** Sessions that have ended, by code. Counts each call of a peer's `onClose`. */
  readonly ended: Tally
  /** How many messages to peers were dropped because of their options, by reason. Counts one for each peer. */
  readonly dropped: Dropped
  /** What has crossed between this process and the others. Undefined without a `cluster`. */
  readonly cluster: ClusterStats | undefined
}

/** How the sessions of a hub are at this moment. */
interface HubCarried {
  /** Sessions by the transport of their link. A transport that none has is absent. */
  readonly transports: Readonly<Record<string, number>>
  /** Sessions without a link. They wait for one, for up to `resumeMs`. */
  readonly away: number
  /** Peers to which `send` would return `false` now: more waits for them than their link carries in about a second. */
  readonly slow: number
  /** Requests of channels that are being answered. */
  readonly answering: number
}

/** Of a hub with these parts. */
export function statsOf(parts: HubParts): HubStats {
  const { traffic, counts, registry, settings, unwelcomed, judges, kept, reports, endedCounts, dropped, cluster } =
    parts
  return {
    ...traffic,
    ...counts,
    ...surveyed(registry.all()),
    sessions: registry.size,
    limits: { ...settings.limits },
    unwelcomedLinks: unwelcomed.size,
    authenticating: judges.size,
    keptBytes: kept.total(),
    refused: reports.refusedTally,
    ended: endedCounts.tally,
    dropped: { ...dropped },
    cluster: cluster && { ...cluster.peers.stats },
  }
}

/** Looks at all sessions. */
function surveyed(
  sessions: Iterable<{ readonly session: Session; readonly openRequests: readonly [number, number] }>,
): HubCarried {
  const transports: Record<string, number> = Object.create(null) // a transport may have any name
  let away = 0
  let slow = 0
  let answering = 0
  for (const { session, openRequests } of sessions) {
    const { link } = session
    if (link === undefined) away++
    else transports[link.name] = (transports[link.name] ?? 0) + 1
    if (!session.hasRoom) slow++
    answering += openRequests[1]
  }
  return { transports: { ...transports }, away, slow, answering }
}
