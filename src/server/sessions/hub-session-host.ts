import type { DropReason } from "../../session/delivery/delivery.ts"
import type { Closing } from "../../wire/errors.ts"
import type { Counts } from "../counts.ts"
import { FanOut } from "../limits/fan-out.ts"
import type { ClusterJournal } from "../moved-session.ts"
import type { Reports } from "../reports.ts"
import type { HubSettings } from "../settings.ts"
import type { Drain } from "./drain.ts"
import { createEnded } from "./ended-session.ts"
import type { HubSessionHost } from "./hub-session.ts"
import type { Registry } from "./registry.ts"
import { windowMs } from "./resume-window.ts"
import { LastJoined } from "./shared-outbox.ts"

/** What a hub has one of, and its sessions use. */
type Parts = Pick<
  HubSessionHost,
  "clockwork" | "hub" | "rooms" | "handlers" | "encoders" | "kept" | "traffic" | "counts" | "missed"
>

/** What keeps track of the hub's sessions. */
interface Records {
  readonly registry: Registry
  /** How many sessions have ended, by code. */
  readonly endedCounts: Counts
  /** Messages to all peers that were dropped, by reason. */
  readonly droppedCounts: Record<DropReason, number>
  /** Why the hub admits no new session now; undefined if it does. */
  closing(): Closing | undefined
  /** Undefined before the hub is closed. */
  drain(): Drain | undefined
  /** Undefined unless the hub is durable. */
  journal(): ClusterJournal | undefined
}

/** What a hub lends to its sessions: its settings and parts, and where each session reports what becomes of it. */
export function createSessionHost(
  { runtime, session, contract, maxPayloadBytes, costs, limits, permit, resumeMs }: HubSettings,
  reports: Reports,
  parts: Parts,
  { registry, endedCounts, droppedCounts, closing, drain, journal }: Records,
): HubSessionHost {
  const { clockwork, hub } = parts
  const { observer } = reports
  return {
    ...parts,
    journal,
    runtime,
    observer,
    contract,
    fanOut: new FanOut(limits.maxFanOutPerSecond),
    maxPayloadBytes,
    costs,
    maxRequestBytes: limits.maxRequestBytes,
    permit,
    maxDepth: limits.maxDepth,
    settings: session,
    joined: new LastJoined(),
    ended: createEnded(clockwork, session),
    notAccepted: (hubSession, { code, reason }, link) => {
      const transport = link?.name ?? ""
      const address = hubSession.address || undefined
      reports.refused({ code, reason, stage: "session", transport, address, origin: undefined })
    },
    dropped: ({ peer }, reason) => {
      droppedCounts[reason]++
      observer.messageDropped?.({ hub, peer: peer.id, reason })
    },
    failed: (error, stage, peer) => reports.failed(error, { stage, peer }),
    progressed: (hubSession) => drain()?.progressed(hubSession),
    windowMs: (hubSession, mayReturn) => windowMs(hubSession, mayReturn, resumeMs),
    left: (code) => endedCounts.add(code),
    told: ({ peer, beganAt }, code, undelivered, transport) => {
      const lastedMs = clockwork.now() - beganAt
      observer.sessionEnded?.({ hub, peer: peer.id, code, lastedMs, undelivered, transport })
    },
    forget: (hubSession, why) => {
      registry.remove(hubSession)
      if (closing() === undefined) registry.remember(hubSession, why, resumeMs)
      drain()?.progressed(hubSession)
    },
  }
}
