import { hubRuntime } from "../runtimes/hub-runtime.ts"
import type { Runtime } from "../session/runtime.ts"
import type { SessionSettings } from "../session/session.ts"
import * as defaults from "../wire/defaults.ts"
import type { Authenticate } from "./admission/authenticate.ts"
import { type OriginPolicy, readPolicy } from "./admission/origin-check.ts"
import type { TrustProxy } from "./admission/trust-proxy.ts"
import { readPath } from "./http/router.ts"
import { type Costs, costsOf } from "./limits/allowance.ts"
import { readWorkLimits } from "./limits/work-limits.ts"
import type { HubOptions } from "./options.ts"
import type { Limits } from "./sessions/registry.ts"

/** How late the hub's alarms may ring, as a part of their delay, so that those of many peers ring together. */
const SLACK = 1 / 16

/** What a hub was told by its options, with the defaults of those that were left out. */
export interface HubSettings {
  readonly runtime: Runtime
  /** How late alarms may ring. A clock that the application gave, as tests do, is kept to exactly: 0. */
  readonly slack: number
  /** As a client's URL has it. */
  readonly path: string
  readonly policy: OriginPolicy
  /** Undefined where nobody has said whether there is a proxy. */
  readonly trustProxy: TrustProxy | undefined
  readonly authenticate: Authenticate | undefined
  readonly maxPayloadBytes: number
  /** Largest batch that a link may bring in. */
  readonly maxBatchBytes: number
  readonly resumeMs: number
  readonly takeMs: number
  readonly holdMs: number
  readonly limits: Limits
  readonly costs: Costs
  /** Whether addresses of this machine and of private networks are counted like others. */
  readonly countsPrivate: boolean
  /** Of every session that was granted nothing else. */
  readonly session: SessionSettings
}

/** Reads options that `checkOptions` has passed. */
export function readSettings(options: HubOptions): HubSettings {
  const maxPayloadBytes = options.maxPayloadBytes ?? defaults.MAX_PAYLOAD_BYTES
  const limits = readLimits(options.limits)
  return {
    runtime: options.runtime ?? hubRuntime,
    slack: options.runtime === undefined ? SLACK : 0,
    path: readPath(options.path ?? "/everwire") ?? "", // it has been checked
    policy: readPolicy(options.origins, options.allowCookiesWithoutOrigin, options.hosts),
    trustProxy: options.trustProxy,
    authenticate: options.authenticate,
    maxPayloadBytes,
    maxBatchBytes: maxBatchBytes(maxPayloadBytes),
    resumeMs: options.resumeMs ?? defaults.RESUME_WINDOW_MS,
    takeMs: options.takeMs ?? defaults.TAKE_DEADLINE_MS,
    holdMs: options.holdMs ?? defaults.HOLD_MS,
    limits,
    costs: costsOf(limits),
    countsPrivate: options.limits?.maxSessionsPerAddress !== undefined,
    session: {
      ...defaults.HUB_ACK,
      heartbeatMs: options.heartbeatMs ?? defaults.HEARTBEAT_MS,
      heartbeatTimeoutMs: options.heartbeatTimeoutMs ?? defaults.HEARTBEAT_TIMEOUT_MS,
      maxOutboxBytes: options.maxOutboxBytes ?? defaults.MAX_OUTBOX_BYTES,
      maxPacketBytes: maxPayloadBytes + defaults.MAX_HEADER_BYTES,
      features: options.features,
    },
  }
}

function readLimits(given: Partial<Limits> = {}): Limits {
  return {
    maxSessions: given.maxSessions ?? defaults.MAX_SESSIONS,
    maxSessionsPerAddress: given.maxSessionsPerAddress ?? defaults.MAX_SESSIONS_PER_ADDRESS,
    maxUnwelcomedLinks: given.maxUnwelcomedLinks ?? defaults.MAX_UNWELCOMED_LINKS,
    maxUnwelcomedLinksPerAddress: given.maxUnwelcomedLinksPerAddress ?? defaults.MAX_UNWELCOMED_LINKS_PER_ADDRESS,
    maxKeptBytes: given.maxKeptBytes ?? defaults.MAX_KEPT_BYTES,
    ...readWorkLimits(given),
  }
}

/** Largest batch that an honest channel makes: one packet of the largest payload, or a filled batch of small ones in UTF-8. */
export function maxBatchBytes(maxPayloadBytes: number): number {
  return (
    Math.max(maxPayloadBytes + 3 * defaults.MAX_HEADER_BYTES, 3 * defaults.BATCH_BYTES) + 4 * defaults.BATCH_BYTES * 3
  )
}
