import { MAX_HELLO_BYTES } from "../../wire/defaults.ts"
import type { Limits } from "../line.ts"
import type { Direction } from "../wire.ts"
import type { Dice } from "./dice.ts"

/** Rates in bytes per second: from a phone at the edge of its cell (20 kbit/s) to a good line at home (20 Mbit/s). */
const SLOWEST = 2_500
const FASTEST = 2_500_000
/** Queues in bytes: that of a router, that of a modem, and that of a modem without a bound. */
const QUEUES = [64_000, 2_000_000, Number.POSITIVE_INFINITY] as const
/** Share of the simulations whose network has a rate. */
const SHARE = 0.35
/** The largest word takes at most this many seconds to send, so that runs stay short. */
const WORD_S = 10
/** Bytes that a channel's dials and their answers may take before its first word. */
const SETUP_BYTES = 2 * MAX_HELLO_BYTES

/** Draws the limits of a simulation, or none. The rate grows with the number of channels that share the network. */
export function drawWorldLimits(dice: Dice, channels: number): Limits | undefined {
  const limited = dice.chance(SHARE)
  const limits = drawLimits(dice, channels)
  return limited ? limits : undefined
}

/** Draws a rate for each direction and a queue. */
export function drawLimits(dice: Dice, channels: number): Limits {
  const upBytesPerSecond = channels * dice.magnitude(SLOWEST, FASTEST)
  const downBytesPerSecond = channels * dice.magnitude(SLOWEST, FASTEST)
  const queueBytes = dice.pick(...QUEUES)
  // An infinite queue has no key: limits are stored as JSON, which has no infinity.
  return { upBytesPerSecond, downBytesPerSecond, ...(Number.isFinite(queueBytes) && { queueBytes }) }
}

/** Size in bytes of the largest word that is sent over a network with these limits. */
export function largestWordBytes({ upBytesPerSecond, downBytesPerSecond }: Limits = {}): number {
  return WORD_S * Math.min(upBytesPerSecond ?? Number.POSITIVE_INFINITY, downBytesPerSecond ?? Number.POSITIVE_INFINITY)
}

/** How long this many bytes take in one direction, in milliseconds. */
export function carryMs(limits: Limits | undefined, direction: Direction, bytes: number): number {
  const rate = direction === "up" ? limits?.upBytesPerSecond : limits?.downBytesPerSecond
  return rate === undefined ? 0 : (1_000 * bytes) / rate
}

/** How much later a channel may be open and carry its first word than on a network without limits, in milliseconds. */
export function setupMs(limits: Limits | undefined, channels: number): number {
  return carryMs(limits, "up", channels * SETUP_BYTES) + carryMs(limits, "down", channels * SETUP_BYTES)
}
