import { type Closing, closing } from "../../wire/errors.ts"
import type { WorkLimits } from "./work-limits.ts"

/** Unused allowance may be used later, up to this many milliseconds of it. */
const BURST_MS = 4_000

/*
 * An allowance is kept as one number: the moment when it will be full again. Each use moves that moment later by its
 * cost in milliseconds; a message at 5,000 a second costs 0.2. So an idle peer needs no timer and no work.
 */

/** The moment when the allowance is full again, after one more use. */
export function spent(until: number, costMs: number, now: number): number {
  return Math.max(until, now) + costMs
}

/** Whether one more use is allowed now. */
export function isAllowed(until: number, now: number): boolean {
  return until <= now + BURST_MS
}

/** Milliseconds until the next use is allowed. */
export function waitMs(until: number, now: number): number {
  return Math.max(0, until - now - BURST_MS)
}

/** Costs of single uses of an allowance, in milliseconds. 0 if there is no limit. */
export interface Costs {
  readonly message: number
  readonly byte: number
  readonly exchange: number
  readonly hello: number
  /** The cost for the address's allowance is divided by this. */
  readonly share: number
}

export function costsOf(limits: WorkLimits): Costs {
  return {
    message: 1_000 / limits.maxMessagesPerSecond,
    byte: 1_000 / limits.maxBytesPerSecond,
    exchange: 1_000 / limits.maxExchangesPerSecond,
    hello: 1_000 / limits.maxHellosPerSecond,
    share: limits.maxShareOfAddress,
  }
}

/** The closing for a peer over its limits. It tells how long to wait before the next try. */
export function rateLimited(reason: string, retryAfterMs: number): Closing {
  return closing("rate-limited", reason, true, Math.ceil(retryAfterMs))
}
