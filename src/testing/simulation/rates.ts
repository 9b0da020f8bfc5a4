import { MAX_HELLO_BYTES } from "../../wire/defaults.ts"
import type { Limits } from "../line.ts"
import type { Direction } from "../wire.ts"
import type { Dice } from "./dice.ts"

/** From a phone at the edge of its cell, 20 kbit/s, to a good line at home, 20 Mbit/s. */
const SLOWEST = 2_500
const FASTEST = 2_500_000
/** What a router holds, what a modem holds, and a modem without a bound. */
const QUEUES = [64_000, 2_000_000, Number.POSITIVE_INFINITY] as const
/** How many worlds have a rate. */
const SHARE = 0.35
/** The largest word takes no longer than this, so that runs stay short. */
const WORD_S = 10
/** What a climb and its answers may weigh before the first word. */
const SETUP_BYTES = 2 * MAX_HELLO_BYTES

/** The limits of a world, or none. Of several channels each has a share that a single one could have. */
export function drawWorldLimits(dice: Dice, channels: number): Limits | undefined {
  const limited = dice.chance(SHARE)
  const limits = drawLimits(dice, channels)
  return limited ? limits : undefined
}

/** The limits of a move: the rate changes, now and then there is none any more. */
export function drawLimits(dice: Dice, channels: number): Limits {
  const upBytesPerSecond = channels * dice.magnitude(SLOWEST, FASTEST)
  const downBytesPerSecond = channels * dice.magnitude(SLOWEST, FASTEST)
  const queueBytes = dice.pick(...QUEUES)
  // No key where there is no bound: limits are kept as JSON.
  return { upBytesPerSecond, downBytesPerSecond, ...(Number.isFinite(queueBytes) && { queueBytes }) }
}

/** The largest word that a network of these limits is given to carry. */
export function largestWordBytes({ upBytesPerSecond, downBytesPerSecond }: Limits = {}): number {
  return WORD_S * Math.min(upBytesPerSecond ?? Number.POSITIVE_INFINITY, downBytesPerSecond ?? Number.POSITIVE_INFINITY)
}

/** How long so many bytes take in a direction. */
export function carryMs(limits: Limits | undefined, direction: Direction, bytes: number): number {
  const rate = direction === "up" ? limits?.upBytesPerSecond : limits?.downBytesPerSecond
  return rate === undefined ? 0 : (1_000 * bytes) / rate
}

/** How long it may take before a channel of this network is open and carries its first word, beyond what a free one takes. */
export function setupMs(limits: Limits | undefined, channels: number): number {
  return carryMs(limits, "up", channels * SETUP_BYTES) + carryMs(limits, "down", channels * SETUP_BYTES)
}
