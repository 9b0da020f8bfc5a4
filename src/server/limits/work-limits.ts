import { EverwireError } from "../../wire/errors.ts"

/**
 * Caps on what peers and strangers can make the hub do. `Infinity` switches one off. Those per second may be exceeded for a
 * moment, by what is allowed in four seconds, unless it is said otherwise.
 */
export interface WorkLimits {
  /** Packets of one peer per second: messages, requests, acks. Default 3 000. What is more waits. */
  readonly maxMessagesPerSecond: number
  /** Bytes of one peer per second. Default 16 MiB. What is more waits. */
  readonly maxBytesPerSecond: number
  /** HTTP requests on one link per second. Default 1 000. One more is answered 429. */
  readonly maxExchangesPerSecond: number
  /**
   * How many times as much as one peer an address may do, of IPv6 a /64 network: messages, bytes and HTTP requests of all its
   * peers together. Default 50. Addresses of this machine and of private networks are not counted, as with
   * `maxSessionsPerAddress`, unless that was given.
   */
  readonly maxShareOfAddress: number
  /**
   * Messages per second, to all peers together, that the hub says because of what one peer sent: a broadcast to a thousand
   * peers counts a thousand. What handlers say behind their first `await` is not counted, and of one packet 3 000 at most.
   * Default 300 000. What is more waits; of this nothing can be saved up.
   */
  readonly maxFanOutPerSecond: number
  /** Hellos of one address per second, counted like the above. Default 500. One more is refused. */
  readonly maxHellosPerSecond: number
  /** Calls of `authenticate` under way at once. Default 1 000; a quarter of them may be for one address. One more waits. */
  readonly maxAuthentications: number
  /** Calls of `authenticate` per second, for all addresses together. Default 5 000. One more hello is refused. */
  readonly maxAuthenticationsPerSecond: number
  /** Bytes of one peer's requests that are being answered, 512 more for each. Default 8 MiB. One more fails. */
  readonly maxRequestBytes: number
  /** How deep arrays and objects of a payload may be nested. Default 1 000. */
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

/** The limits that were given, and the defaults of the others. */
export function readWorkLimits(given: Partial<WorkLimits> = {}): WorkLimits {
  const limits: { -readonly [Name in keyof WorkLimits]: number } = { ...WORK_LIMITS }
  for (const name of Object.keys(limits) as (keyof WorkLimits)[]) limits[name] = given[name] ?? limits[name] // its own keys
  return limits
}

/** @throws EverwireError `misuse` on what is no number above 0 */
export function checkWorkLimits(given: Partial<WorkLimits> = {}): void {
  for (const name of Object.keys(WORK_LIMITS)) {
    const value: unknown = given[name as keyof WorkLimits] // a key of it
    if (value === undefined || (typeof value === "number" && value > 0)) continue
    throw new EverwireError("misuse", `limits.${name} is a number above 0, or Infinity; given: ${String(value)}`)
  }
}
