import { type Closing, closing } from "../../wire/errors.ts"
import type { WorkLimits } from "./work-limits.ts"

/** An allowance that was not used may be used later, up to so many milliseconds of it. */
const BURST_MS = 4_000

/*
 * What somebody may do in a time is kept as one number: the moment at which all that was done will have been won back. Each
 * thing that is done moves it on by some milliseconds, a message at 5,000 a second by 0.2. Whoever does nothing costs nothing.
 */

/** That moment when something more is done. */
export function spent(until: number, costMs: number, now: number): number {
  return Math.max(until, now) + costMs
}

/** Whether something may be done now. */
export function isAllowed(until: number, now: number): boolean {
  return until <= now + BURST_MS
}

/** How many milliseconds it takes until something may be done again. */
export function waitMs(until: number, now: number): number {
  return Math.max(0, until - now - BURST_MS)
}

/** What things cost of an allowance, in milliseconds. 0 where there is no limit. */
export interface Costs {
  readonly message: number
  readonly byte: number
  readonly exchange: number
  readonly hello: number
  /** Of an address's allowance they cost so much less. */
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

/** What is told to whoever does too much: not to come again for so long. */
export function rateLimited(reason: string, retryAfterMs: number): Closing {
  return closing("rate-limited", reason, true, Math.ceil(retryAfterMs))
}
