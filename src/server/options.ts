import { checkNames, type Known } from "../messaging/option-names.ts"
import type { Runtime } from "../session/runtime.ts"
import { HEARTBEAT_MS, HEARTBEAT_TIMEOUT_MS } from "../wire/defaults.ts"
import { EverwireError } from "../wire/errors.ts"
import type { Authenticate } from "./admission/authenticate.ts"
import { readPolicy } from "./admission/origin-check.ts"
import { readTrust, type TrustProxy } from "./admission/trust-proxy.ts"
import { readPath } from "./http/router.ts"
import { checkWorkLimits, WORK_LIMITS, type WorkLimits } from "./limits/work-limits.ts"
import type { Principal } from "./peer.ts"
import type { Limits } from "./sessions/registry.ts"

/** Options of a hub. Every one has a safe default. */
export interface HubOptions<P extends Principal = Principal> {
  /**
   * Where the hub lives. Default `/everwire`. Transports are below it: `/everwire/sse`. As everywhere on the web, upper
   * and lower case are two paths, and `/caf%C3%A9` and `/café` are one.
   */
  readonly path?: string | undefined
  /** Says who a channel is, on every link's hello. Without it everybody is the same anonymous principal. */
  readonly authenticate?: Authenticate<P> | undefined
  /**
   * Origins of pages that may speak to the hub, beside its own host: `["https://app.example"]`. Default none. `"*"` lets
   * all in, without cookies. An entry that is no origin, as one with a path, throws `misuse`.
   */
  readonly origins?: readonly string[] | "*" | undefined
  /**
   * Names by which the hub may be asked: `["hub.example", ".example.org"]`, where a dot in front stands for a domain and
   * everything below it. Ports do not count; addresses and `localhost` are always let in. Any other `Host` is refused, so
   * that no page can reach the hub by a name of its own that leads there (DNS rebinding). Default: any name, but where
   * `origins` is a list, pages of the own host have to be of one that it names. An entry that is no name throws `misuse`.
   */
  readonly hosts?: readonly string[] | undefined
  /** Whether requests with cookies but without an Origin are let in. Default `false`. */
  readonly allowCookiesWithoutOrigin?: boolean | undefined
  /**
   * Which proxies in front are believed about the client's address, and about host and protocol as the client knows
   * them. Default `false`. See {@link TrustProxy}.
   */
  readonly trustProxy?: TrustProxy | undefined
  /** How long a session without a link is kept, in milliseconds. Default 120 000. */
  readonly resumeMs?: number | undefined
  /** Largest encoded payload, in bytes, both ways. Default 1 MiB. */
  readonly maxPayloadBytes?: number | undefined
  /** What one peer's unacknowledged messages may hold, in bytes. Default 16 MiB. Above it the peer is closed. */
  readonly maxOutboxBytes?: number | undefined
  /** Each end speaks at least so often, in milliseconds. Default 20 000. */
  readonly heartbeatMs?: number | undefined
  /** Each end may hang up after so long a silence, in milliseconds. Default 30 000. */
  readonly heartbeatTimeoutMs?: number | undefined
  /**
   * What was sent must be taken: 1 KiB of it, or all, in so many milliseconds. A client that takes less, because it does
   * not read, is cut off, and its session waits for another link. Default 45 000, more than the slowest link needs; 5 000 at
   * least.
   */
  readonly takeMs?: number | undefined
  /** For how long a long-poll is held, in milliseconds. Default 25 000. */
  readonly holdMs?: number | undefined
  /** Caps on what strangers and peers can make the hub keep and do. */
  readonly limits?: Partial<Limits> | undefined
  /** Time and chance. Default: the system's. */
  readonly runtime?: Runtime | undefined
  /** @internal Names of what the hub can do beyond version 1 of the protocol, sorted. None so far. */
  readonly features?: readonly string[] | undefined
}

/** Of what more is to be said, below. */
const APART = ""

/** The options, as `checkNames` wants them. */
const HUB_OPTIONS = {
  path: APART,
  authenticate: "function",
  origins: APART,
  hosts: APART,
  allowCookiesWithoutOrigin: "boolean",
  trustProxy: APART,
  resumeMs: APART,
  maxPayloadBytes: APART,
  maxOutboxBytes: APART,
  heartbeatMs: APART,
  heartbeatTimeoutMs: APART,
  takeMs: APART,
  holdMs: APART,
  limits: APART,
  runtime: "after",
  features: "entries",
} satisfies Record<keyof HubOptions, string>
const LIMITS = {
  maxSessions: APART,
  maxSessionsPerAddress: APART,
  maxUnwelcomedLinks: APART,
  maxUnwelcomedLinksPerAddress: APART,
  maxKeptBytes: APART,
  ...(Object.fromEntries(Object.keys(WORK_LIMITS).map((name) => [name, APART])) as Record<keyof WorkLimits, string>), // its keys
} satisfies Record<keyof Limits, string>

/** A shorter `takeMs` would take every link for one that is not read. */
const MIN_TAKE_MS = 5_000

/** Most of these are told in a welcome, of which channels refuse anything but counts. */
const COUNTS = ["resumeMs", "maxPayloadBytes", "heartbeatMs", "heartbeatTimeoutMs", "takeMs", "holdMs"] as const

/**
 * @param own Options that this kind of hub has beside those of all hubs.
 * @throws EverwireError `misuse` on an option that does not exist, a figure that no channel would take, a path, an
 * origin or a proxy that is none
 */
export function checkOptions(options: HubOptions, own: Known): void {
  checkNames(options, { ...HUB_OPTIONS, ...own }, "createHub")
  checkObject(options.limits ?? {}, "limits", "{ maxSessions: 10000 }")
  checkNames(options.limits, LIMITS, "limits")
  checkWorkLimits(options.limits)
  for (const name of COUNTS) {
    const given = options[name]
    if (given === undefined || (Number.isSafeInteger(given) && given >= 0)) continue
    throw new EverwireError("misuse", `${name} is a whole number, 0 or more; given: ${given}`)
  }
  for (const [name, given] of Object.entries({ maxOutboxBytes: options.maxOutboxBytes, ...options.limits })) {
    if (given === undefined || (typeof given === "number" && given >= 0)) continue
    throw new EverwireError("misuse", `${name} is a number, 0 or more; given: ${given}`)
  }
  const { heartbeatMs = HEARTBEAT_MS, heartbeatTimeoutMs = HEARTBEAT_TIMEOUT_MS, takeMs = MIN_TAKE_MS, path } = options
  if (takeMs < MIN_TAKE_MS) {
    throw new EverwireError("misuse", `takeMs (${takeMs}) is ${MIN_TAKE_MS} at least, or slow links would be cut off`)
  }
  if (heartbeatTimeoutMs <= heartbeatMs) {
    throw new EverwireError(
      "misuse",
      `heartbeatTimeoutMs (${heartbeatTimeoutMs}) has to be longer than heartbeatMs (${heartbeatMs}), or every idle link would be hung up on`,
    )
  }
  readPolicy(options.origins, options.allowCookiesWithoutOrigin, options.hosts)
  readTrust(options.trustProxy ?? false)
  if (path !== undefined && readPath(path) === undefined) {
    throw new EverwireError(
      "misuse",
      `path begins with one slash and does not end in one, like "/everwire"; given: ${path}`,
    )
  }
}

/** @throws EverwireError `misuse` on what holds no options. */
export function checkObject(given: unknown, what: string, example: string): void {
  if (typeof given === "object" && given !== null && !Array.isArray(given)) return
  throw new EverwireError("misuse", `${what} are an object, like ${example}; given: ${String(given)}`)
}
