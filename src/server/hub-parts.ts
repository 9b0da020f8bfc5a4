import { Handlers } from "../messaging/handlers.ts"
import { createTraffic, type Traffic } from "../session/traffic.ts"
import type { Acceptor, OpenAcceptor } from "../transports/transport.ts"
import { createAdmissionHost } from "./admission/admission-host.ts"
import { openAcceptors } from "./admission/door.ts"
import { joinCluster } from "./admission/join-cluster.ts"
import { Judges } from "./admission/judges.ts"
import { Sites } from "./admission/sites.ts"
import { Unwelcomed } from "./admission/unwelcomed.ts"
import type { OpenCluster } from "./cluster.ts"
import { Counts, type HubCounts } from "./counts.ts"
import { Entrance } from "./http/entrance.ts"
import type { HubObserver } from "./observer.ts"
import { joinCheck } from "./permission.ts"
import { Reports } from "./reports.ts"
import { deliverHeard, deliverTo } from "./rooms/broadcast.ts"
import { Encoders } from "./rooms/encoders.ts"
import { Rooms } from "./rooms/rooms.ts"
import { perform, type TaskHost } from "./rooms/tasks.ts"
import type { HubPeer } from "./sessions/hub-peer.ts"
import { createSessionHost } from "./sessions/hub-session-host.ts"
import { KeptBytes } from "./sessions/kept-bytes.ts"
import { MissedNames } from "./sessions/missed-names.ts"
import { Registry } from "./sessions/registry.ts"
import { Wheel } from "./sessions/wheel.ts"
import type { HubSettings } from "./settings.ts"
import { Shutdown } from "./shutdown.ts"

/** How many names without a handler the hub remembers. */
const MAX_MISSED_NAMES = 256

/** What a hub consists of. */
export interface HubParts {
  /** The id of the hub. */
  readonly hub: string
  readonly settings: HubSettings
  readonly reports: Reports
  readonly registry: Registry
  /** Bytes that the hub keeps for all sessions. */
  readonly kept: KeptBytes
  readonly rooms: Rooms<HubPeer>
  readonly handlers: Handlers<HubPeer>
  readonly encoders: Encoders
  readonly unwelcomed: Unwelcomed
  readonly judges: Judges
  readonly acceptors: ReadonlyMap<string, OpenAcceptor>
  readonly entrance: Entrance
  /** Undefined if the hub is alone. */
  readonly cluster: OpenCluster | undefined
  readonly tasks: TaskHost
  readonly endedCounts: Counts
  readonly dropped: Record<"volatile" | "latest" | "ttl" | "full", number>
  readonly traffic: Traffic
  readonly counts: HubCounts
  readonly missed: MissedNames
  readonly shutdown: Shutdown
}

/** Makes the parts of a hub and gives each what it needs of the others. */
export function createParts(
  settings: HubSettings,
  acceptors: readonly Acceptor[],
  observers: readonly HubObserver[],
): HubParts {
  const handlers = new Handlers<HubPeer>((error) => reports.failed(error, { stage: "listener" }))
  const endedCounts = new Counts()
  const dropped = { volatile: 0, latest: 0, ttl: 0, full: 0 }
  const traffic = createTraffic()
  const counts: HubCounts = { began: 0, resumed: 0, requests: 0 }
  const missed = new MissedNames(MAX_MISSED_NAMES)
  const { runtime, limits, countsPrivate } = settings
  const clockwork = new Wheel(runtime, settings.slack, (error) => reports.hubFailed(error))
  const sites = new Sites(clockwork, countsPrivate)
  const shutdown = new Shutdown(runtime)
  const hub = runtime.id()
  const reports = new Reports(clockwork, hub, observers)
  const registry = new Registry(clockwork, limits, sites.names)
  const unwelcomed = new Unwelcomed(limits.maxUnwelcomedLinks, limits.maxUnwelcomedLinksPerAddress)
  const judges = new Judges(clockwork, limits.maxAuthentications, limits.maxAuthenticationsPerSecond)
  const rooms = new Rooms<HubPeer>(joinCheck(settings.permitJoin, reports))
  const { codecs, maxPayloadBytes, contract } = settings
  const bounds = { maxPayloadBytes, maxDepth: limits.maxDepth }
  const encoders = new Encoders(codecs, bounds, contract?.fromHub.bind(contract), settings.cluster !== undefined)
  const kept = new KeptBytes(limits.maxKeptBytes, () => registry.all())
  const parts = {
    clockwork,
    hub,
    rooms,
    handlers: [handlers],
    encoders,
    kept,
    traffic,
    counts,
    missed,
  }
  const sessionHost = createSessionHost(settings, reports, parts, {
    registry,
    endedCounts,
    droppedCounts: dropped,
    closing: () => shutdown.why,
    drain: () => shutdown.drain,
    journal: () => cluster?.journal,
  })
  const host = createAdmissionHost(sessionHost, settings, reports, {
    registry,
    sites,
    judges,
    closing: () => shutdown.refusal,
    links: () => cluster?.links,
  })
  const tasks: TaskHost = { ...parts, fanOut: sessionHost.fanOut, sessions: () => registry.all() }
  const cluster: OpenCluster | undefined = joinCluster(settings, host, (exchange) => entrance.forwarded(exchange), {
    deliver: (heard, had) => deliverHeard(tasks, heard, had),
    deliverTo: (session, heard) => deliverTo(tasks, registry.get(session), heard),
    perform: (selection, task) => perform(tasks, selection, task),
  })
  rooms.watch = cluster?.peers
  const open = openAcceptors(acceptors, settings, host, unwelcomed, reports)
  const entrance: Entrance = new Entrance({
    hub,
    settings,
    clockwork,
    sites,
    reports,
    acceptors: open,
    closing: () => shutdown.refusal,
    sessions: () => registry.size,
  })
  return {
    ...parts,
    settings,
    reports,
    registry,
    handlers,
    unwelcomed,
    judges,
    acceptors: open,
    entrance,
    cluster,
    tasks,
    endedCounts,
    dropped,
    shutdown,
  }
}
