import type { Checking, ContractOption, HubContract } from "../messaging/schema-contract.ts"
import { hubRuntime } from "../runtimes/hub-runtime.ts"
import type { Runtime } from "../session/runtime.ts"
import type { SessionSettings } from "../session/session.ts"
import { type Codec, json } from "../wire/codec.ts"
import * as defaults from "../wire/defaults.ts"
import { AUTH_REFRESH } from "../wire/features.ts"
import type { Authenticate } from "./admission/authenticate.ts"
import { type OriginPolicy, readPolicy } from "./admission/origin-check.ts"
import type { TrustProxy } from "./admission/trust-proxy.ts"
import type { Cluster } from "./cluster.ts"
import { readPath } from "./http/router.ts"
import { type Costs, costsOf } from "./limits/allowance.ts"
import { readWorkLimits } from "./limits/work-limits.ts"
import type { HubOptions } from "./options.ts"
import type { Permit, PermitJoin } from "./permission.ts"
import type { Limits } from "./sessions/registry.ts"

/** How long a hub keeps a session without a link. */
export const RESUME_WINDOW_MS = 120_000
/** Most sessions of one hub. */
export const MAX_SESSIONS = 100_000
/** Most sessions of one address. Generous, because all people of an office may share one address. */
export const MAX_SESSIONS_PER_ADDRESS = 1_000
/** Most links of one hub that are not welcomed yet. */
export const MAX_UNWELCOMED_LINKS = 10_000
/** Most of those from one address, so that one address cannot occupy all of them. */
export const MAX_UNWELCOMED_LINKS_PER_ADDRESS = 500
/** Most bytes that a hub keeps for all sessions together: a quarter of a heap of 512 MB. */
export const MAX_KEPT_BYTES = 134_217_728
/** When the hub acknowledges what a channel sends: promptly, because the channel judges its link by acks. */
export const HUB_ACK = { ackMs: 250, ackPackets: 256, ackBytes: 65_536, prober: false } as const

/** How late an alarm of the hub may ring, as a share of its delay. So the alarms of many peers can ring together. */
const SLACK = 1 / 16

/** The options of a hub, with defaults filled in. */
export interface HubSettings {
  readonly runtime: Runtime
  /**
   * How late alarms may ring, as a share of their delay. 0 if the application gave a runtime, because tests need exact
   * times.
   */
  readonly slack: number
  /** The hub's path, encoded as in a client's URL. */
  readonly path: string
  readonly policy: OriginPolicy
  /** Undefined if the application has not set it. */
  readonly trustProxy: TrustProxy | undefined
  readonly authenticate: Authenticate | undefined
  /** Undefined without a contract that has schemas. */
  readonly contract: Checking | undefined
  readonly permit: Permit | undefined
  readonly permitJoin: PermitJoin | undefined
  /** One at least. */
  readonly codecs: readonly Codec[]
  readonly maxPayloadBytes: number
  /** Largest batch that a link may deliver, in bytes. */
  readonly maxBatchBytes: number
  readonly resumeMs: number
  readonly takeMs: number
  readonly holdMs: number
  readonly limits: Limits
  readonly costs: Costs
  /** Undefined if the hub is alone. */
  readonly cluster: Cluster | undefined
  /** Whether sessions are kept in the cluster's store. */
  readonly isDurable: boolean
  /** Whether loopback and private addresses count towards the limits for each address. */
  readonly countsPrivate: boolean
  /** Settings of every session that was granted no others. */
  readonly session: SessionSettings
}

/** Turns options into settings. `checkOptions` must have accepted them. */
export function readSettings(options: HubOptions & ContractOption<HubContract<unknown>>): HubSettings {
  const maxPayloadBytes = options.maxPayloadBytes ?? defaults.MAX_PAYLOAD_BYTES
  const limits = readLimits(options.limits)
  return {
    runtime: options.runtime ?? hubRuntime,
    slack: options.runtime === undefined ? SLACK : 0,
    path: readPath(options.path ?? "/everwire") ?? "", // `checkOptions` has checked the path
    policy: readPolicy(options.origins, options.allowCookiesWithoutOrigin, options.hosts),
    trustProxy: options.trustProxy,
    authenticate: options.authenticate,
    contract: options.contract,
    permit: options.permit,
    permitJoin: options.permitJoin,
    codecs: options.codecs ?? [json],
    maxPayloadBytes,
    maxBatchBytes: maxBatchBytes(maxPayloadBytes),
    resumeMs: options.resumeMs ?? RESUME_WINDOW_MS,
    takeMs: options.takeMs ?? defaults.TAKE_DEADLINE_MS,
    holdMs: options.holdMs ?? defaults.HOLD_MS,
    limits,
    costs: costsOf(limits),
    cluster: options.cluster ?? undefined,
    isDurable: options.durable === true,
    countsPrivate: options.limits?.maxSessionsPerAddress !== undefined,
    session: {
      ...HUB_ACK,
      heartbeatMs: options.heartbeatMs ?? defaults.HEARTBEAT_MS,
      heartbeatTimeoutMs: options.heartbeatTimeoutMs ?? defaults.HEARTBEAT_TIMEOUT_MS,
      maxOutboxBytes: options.maxOutboxBytes ?? defaults.MAX_OUTBOX_BYTES,
      maxPacketBytes: maxPayloadBytes + defaults.MAX_HEADER_BYTES,
      features: options.features ?? (options.authenticate && [AUTH_REFRESH]),
    },
  }
}

function readLimits(given: Partial<Limits> = {}): Limits {
  return {
    maxSessions: given.maxSessions ?? MAX_SESSIONS,
    maxSessionsPerAddress: given.maxSessionsPerAddress ?? MAX_SESSIONS_PER_ADDRESS,
    maxUnwelcomedLinks: given.maxUnwelcomedLinks ?? MAX_UNWELCOMED_LINKS,
    maxUnwelcomedLinksPerAddress: given.maxUnwelcomedLinksPerAddress ?? MAX_UNWELCOMED_LINKS_PER_ADDRESS,
    maxKeptBytes: given.maxKeptBytes ?? MAX_KEPT_BYTES,
    ...readWorkLimits(given),
  }
}

/**
 * Returns the largest batch that an honest channel sends, in bytes: one packet with the largest payload, or a full
 * batch of small packets in UTF-8.
 */
export function maxBatchBytes(maxPayloadBytes: number): number {
  return (
    Math.max(maxPayloadBytes + 3 * defaults.MAX_HEADER_BYTES, 3 * defaults.BATCH_BYTES) + 4 * defaults.BATCH_BYTES * 3
  )
}
