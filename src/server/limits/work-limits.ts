import { EverwireError } from "../../wire/errors.ts"

/**
 * Limits on the work that clients can cause. `Infinity` switches one off. A limit per second may be exceeded for a
 * moment, by what it allows in four seconds, unless stated otherwise.
 */
export interface WorkLimits {
  /** Packets of one peer per second: messages, requests, acks. Default 3 000. Packets above it wait. */
  readonly maxMessagesPerSecond: number
  /** Bytes of one peer per second. Default 16 MiB. Input above it waits. */
  readonly maxBytesPerSecond: number
  /** HTTP requests on one link per second. Default 1 000. Those above it are answered with 429. */
  readonly maxExchangesPerSecond: number
  /**
   * How many times as much as one peer all peers of an address (for IPv6, of a /64 network) may do together: messages,
   * bytes and HTTP requests. Default 50. Addresses of this machine and of private networks are not counted unless
   * `maxSessionsPerAddress` was given.
   */
  readonly maxShareOfAddress: number
  /**
   * Messages per second, to all peers together, that the hub sends because of what one peer sent. A broadcast to a
   * thousand peers counts a thousand. What handlers send after their first `await` is not counted, and one packet
   * counts at most 3 000. Default 300 000. Packets above it wait; unused allowance cannot be saved up.
   */
  readonly maxFanOutPerSecond: number
  /** Hellos of one address per second, counted like `maxShareOfAddress`. Default 500. Those above it are refused. */
  readonly maxHellosPerSecond: number
  /** Calls of `authenticate` at once. Default 1 000; one address may use a quarter of them. Further hellos wait. */
  readonly maxAuthentications: number
  /** Calls of `authenticate` per second, for all addresses together. Default 5 000. Hellos above it are refused. */
  readonly maxAuthenticationsPerSecond: number
  /**
   * Bytes of one peer's requests that are being answered, plus 512 for each. Default 8 MiB. A request above it fails.
   */
  readonly maxRequestBytes: number
  /** How deep arrays and objects in a payload may be nested. Default 1 000. */
  readonly maxDepth: number
}

export const WORK_LIMITS: WorkLimits = {
  maxMessagesPerSecond: 3_000,
  maxBytesPerSecond: 16_777_216,
  maxExchangesPerSecond: 1_000,
  maxShareOfAddress: 50,
  maxFanOutPerSecond: 300_000,
  maxHellosPerSecond: 500,
  maxAuthentications: 1_000,
  maxAuthenticationsPerSecond: 5_000,
  maxRequestBytes: 8_388_608,
  maxDepth: 1_000,
}

/** The given limits, with defaults for the others. */
export function readWorkLimits(given: Partial<WorkLimits> = {}): WorkLimits {
  const limits: { -readonly [Name in keyof WorkLimits]: number } = { ...WORK_LIMITS }
  for (const name of Object.keys(limits) as (keyof WorkLimits)[]) limits[name] = given[name] ?? limits[name] // its own keys
  return limits
}

/** @throws EverwireError `misuse` on a value that is no number above 0 */
export function checkWorkLimits(given: Partial<WorkLimits> = {}): void {
  for (const name of Object.keys(WORK_LIMITS)) {
    const value: unknown = given[name as keyof WorkLimits] // a key of it
    if (value === undefined || (typeof value === "number" && value > 0)) continue
    throw new EverwireError("misuse", `limits.${name} is a number above 0, or Infinity; given: ${String(value)}`)
  }
}
