import { checkNames, type Known } from "../messaging/option-names.ts"
import type { ContractOption, HubContract } from "../messaging/schema-contract.ts"
import type { Runtime } from "../session/runtime.ts"
import { type Codec, json } from "../wire/codec.ts"
import { HEARTBEAT_MS, HEARTBEAT_TIMEOUT_MS } from "../wire/defaults.ts"
import { EverwireError } from "../wire/errors.ts"
import type { Authenticate } from "./admission/authenticate.ts"
import { readPolicy } from "./admission/origin-check.ts"
import { readTrust, type TrustProxy } from "./admission/trust-proxy.ts"
import type { Cluster } from "./cluster.ts"
import { readPath } from "./http/router.ts"
import { checkWorkLimits, WORK_LIMITS, type WorkLimits } from "./limits/work-limits.ts"
import { HUB_OBSERVER, type HubObserver } from "./observer.ts"
import type { Principal } from "./peer.ts"
import type { Permit, PermitJoin } from "./permission.ts"
import type { Limits } from "./sessions/registry.ts"

/** Options of a hub. Every one has a safe default. */
export interface HubOptions<P extends Principal = Principal> {
  /**
   * URL path of the hub. Default `/everwire`. The transports are below it: `/everwire/sse`. Upper and lower case are
   * different paths; `/caf%C3%A9` and `/café` are the same one.
   */
  readonly path?: string | undefined
  /**
   * Returns the principal of a channel. Called for the hello of every link. Default: all are the same anonymous
   * principal.
   */
  readonly authenticate?: Authenticate<P> | undefined
  /**
   * Returns whether a peer may send this message or request. Called once for each, before its handler. A message that is
   * not permitted is dropped and told to `onRefused`; a request is answered with `forbidden`. Only `true` permits. What it
   * throws goes to `onError`, and a promise is misuse, because messages do not wait. Default: everything is permitted.
   */
  readonly permit?: Permit<P> | undefined
  /**
   * Returns whether a peer may be in this room. If not, `peer.join(room)` throws `forbidden`. Only `true` permits; as for
   * `permit`. Default: everything is permitted.
   */
  readonly permitJoin?: PermitJoin<P> | undefined
  /**
   * Origins of pages that may connect, in addition to the hub's own host: `["https://app.example"]`. Default none.
   * `"*"` allows all origins, but without cookies. An entry that is not an origin, such as one with a path, throws
   * `misuse`.
   */
  readonly origins?: readonly string[] | "*" | undefined
  /**
   * Host names that requests may use for the hub: `["hub.example", ".example.org"]`. A leading dot means the domain and
   * all its subdomains. Ports are ignored; IP addresses and `localhost` are always allowed. Any other `Host` is
   * refused, so that no page can reach the hub by a domain of its own that resolves to the hub (DNS rebinding).
   * Default: any name; but if `origins` is a list, a page of the hub's own host must be in it. An entry that is not a
   * name throws `misuse`.
   */
  readonly hosts?: readonly string[] | undefined
  /** Whether requests with cookies but without an Origin are allowed. Default `false`. */
  readonly allowCookiesWithoutOrigin?: boolean | undefined
  /**
   * Which proxies the hub trusts to tell it the client's address, and the host and protocol that the client used.
   * Default `false`. See {@link TrustProxy}.
   */
  readonly trustProxy?: TrustProxy | undefined
  /**
   * The codecs that the hub takes; each channel chooses one. Default `[json]`, which a hub with other codecs has only if it
   * is listed: `[json, msgpack()]`. What is sent to several peers must suit the first codec, even if no peer uses it, and
   * the codec of every peer: otherwise `send` throws, and nobody gets it.
   */
  readonly codecs?: readonly Codec[] | undefined
  /** How long a session without a link is kept, in milliseconds. Default 120 000. */
  readonly resumeMs?: number | undefined
  /** Largest encoded payload, in bytes, both ways. Default 1 MiB. */
  readonly maxPayloadBytes?: number | undefined
  /** Most bytes of one peer's unacknowledged messages. Default 16 MiB. Above it the hub closes the peer. */
  readonly maxOutboxBytes?: number | undefined
  /** Longest time in which an end sends nothing, in milliseconds: then it sends a beat. Default 20 000. */
  readonly heartbeatMs?: number | undefined
  /** How long an end may receive nothing before it gives the link up, in milliseconds. Default 30 000. */
  readonly heartbeatTimeoutMs?: number | undefined
  /**
   * How long a client may take to read 1 KiB of what the hub sent, or all if that is less, in milliseconds. The hub
   * cuts the link of a client that reads less; its session waits for another link. Default 45 000, more than the
   * slowest link needs; 5 000 at least.
   */
  readonly takeMs?: number | undefined
  /** Longest time that a long-poll is left unanswered, in milliseconds. Default 25 000. */
  readonly holdMs?: number | undefined
  /** Limits on the memory and work that clients can cause, before and after their welcome. */
  readonly limits?: Partial<Limits> | undefined
  /** Listens to what happens in the hub. Default none. See {@link HubObserver}. */
  readonly observer?: HubObserver | null | undefined
  /**
   * Joins this hub with those of other processes, so that any of them may answer any request: `cluster(backplane)` of
   * `everwire/cluster`. Default: the hub is alone.
   */
  readonly cluster?: Cluster | undefined
  /**
   * Whether sessions outlive the process that has them. Each is written to the cluster's store before anything of it is
   * acknowledged or sent, and another process goes on with it when this one dies. The store then takes part in every message:
   * `docs/cluster.md` says what that costs and what it promises. All hubs of a cluster have the same. Default `false`.
   */
  readonly durable?: boolean | undefined
  /** Source of time and random numbers. Default: the system's. */
  readonly runtime?: Runtime | undefined
  /** @internal Names of features beyond version 1 of the protocol, sorted, in place of those that the hub has. */
  readonly features?: readonly string[] | undefined
}

/** For options with checks of their own, below: `checkNames` checks only that the name exists. */
const APART = ""

/** The names of all options, in the form that `checkNames` takes. */
const HUB_OPTIONS = {
  contract: "dispatch",
  path: APART,
  authenticate: "function",
  permit: "function",
  permitJoin: "function",
  origins: APART,
  hosts: APART,
  allowCookiesWithoutOrigin: "boolean",
  trustProxy: APART,
  codecs: "entries",
  resumeMs: APART,
  maxPayloadBytes: APART,
  maxOutboxBytes: APART,
  heartbeatMs: APART,
  heartbeatTimeoutMs: APART,
  takeMs: APART,
  holdMs: APART,
  limits: APART,
  observer: "object",
  cluster: "open",
  durable: "boolean",
  runtime: "after",
  features: "entries",
} satisfies Record<keyof (HubOptions & ContractOption<unknown>), string>
const LIMITS = {
  maxSessions: APART,
  maxSessionsPerAddress: APART,
  maxUnwelcomedLinks: APART,
  maxUnwelcomedLinksPerAddress: APART,
  maxKeptBytes: APART,
  ...(Object.fromEntries(Object.keys(WORK_LIMITS).map((name) => [name, APART])) as Record<keyof WorkLimits, string>), // same keys
} satisfies Record<keyof Limits, string>

/** Least `takeMs`, in milliseconds. With a shorter one, the hub would cut slow links whose clients do read. */
const MIN_TAKE_MS = 5_000

/**
 * Options that must be whole numbers. Most are sent in the welcome, and a channel refuses a welcome with other values.
 */
const COUNTS = ["resumeMs", "maxPayloadBytes", "heartbeatMs", "heartbeatTimeoutMs", "takeMs", "holdMs"] as const

/**
 * @param own Options that this kind of hub has in addition to those of all hubs.
 * @throws EverwireError `misuse` on an unknown option, a number that no channel would accept, or an invalid path,
 * origin or proxy
 */
export function checkOptions(options: HubOptions & ContractOption<HubContract<unknown>>, own: Known): void {
  checkNames(options, { ...HUB_OPTIONS, ...own }, "createHub")
  if (options.limits !== undefined) checkObject(options.limits, "limits", "{ maxSessions: 10000 }")
  checkNames(options.limits, LIMITS, "limits")
  // An object of a class may have members of its own.
  const { observer } = options
  if (observer && Object.getPrototypeOf(observer) === Object.prototype) checkNames(observer, HUB_OBSERVER, "observer")
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
  checkCodecs(options.codecs ?? [json], options.contract?.codec)
  if (options.durable === true && !options.cluster) {
    throw new EverwireError("misuse", "durable needs a cluster, whose store keeps the sessions")
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

/**
 * @param needed Name of the codec that the contract asks for. Undefined if it asks for none.
 * @throws EverwireError `misuse` if a codec is none, if two have the same name, or the one that is needed is missing
 */
function checkCodecs(codecs: readonly Codec[], needed: string | undefined): void {
  for (const { name, encode, decode } of Array.from(codecs, (codec): Partial<Codec> => Object(codec))) {
    const isCodec = typeof encode === "function" && typeof decode === "function"
    // The hub itself bounds the depth of JSON, so a codec of this name has to be that one.
    if (isCodec && /^[a-z0-9_.-]{1,32}$/.test(name ?? "") && (name !== json.name || encode === json.encode)) continue
    throw new EverwireError(
      "misuse",
      `codecs are objects with a name like "msgpack", encode and decode; given: ${String(name)}`,
    )
  }
  const names = new Set(codecs.map(({ name }) => name))
  if (names.size === 0 || names.size < codecs.length) {
    throw new EverwireError("misuse", "codecs has at least one, and each once")
  }
  if (needed !== undefined && !names.has(needed)) {
    throw new EverwireError("misuse", `the contract is for the codec "${needed}", which is not among codecs`)
  }
}

/** @throws EverwireError `misuse` if `given` is not an object */
export function checkObject(given: unknown, what: string, example: string): void {
  if (typeof given === "object" && given !== null && !Array.isArray(given)) return
  throw new EverwireError("misuse", `${what} are an object, like ${example}; given: ${String(given)}`)
}
