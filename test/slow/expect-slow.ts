import { expect } from "vitest"
import type { Slow, SlowPlace, Way } from "./slow-place.ts"

/** A transfer may take this multiple of the time that the network needs for its bytes, */
const GOODPUT = 1.15
/** and these round trips and ms more, because the sender starts with a small window and learns the rate. */
const START_ROUND_TRIPS = 6
const CONSTANT_MS = 500

/** The network may carry this multiple of the bytes that were sent, */
const CARRIED = 1.08
/** and these bytes for each message, and for the hellos and welcomes of all transports. */
const MESSAGE_BYTES = 100
const BASE_BYTES = 5_000

/**
 * Against the direction of a transfer go acks and probes: one for each ACKED_BYTES, some in each second, some at the
 * start.
 */
const ACKED_BYTES = 8_192
const ACKS_PER_SECOND = 6
const ACKS = 40
const ACK_BYTES = 40

/** How long after the last message acks and doubts may still come. */
const AFTER_MS = 5_000

/**
 * Asserts that all `bulks` were heard, once and in order, about as soon as the network could carry them since
 * `sinceMs`.
 */
export async function expectHeard(
  { slow, runtime, heard: ends }: SlowPlace,
  way: Way,
  bulks: readonly string[],
  sinceMs: number,
  bytesPerSecond = slow.bytesPerSecond,
) {
  const heard = ends[way]
  const carriedMs = carryMs({ bytesPerSecond }, bytesOf(bulks))
  const limitMs = GOODPUT * carriedMs + START_ROUND_TRIPS * slow.roundTripMs + CONSTANT_MS
  await runtime.passUntil(() => heard.bulks.length >= bulks.length, sinceMs + 2 * limitMs - runtime.now())
  expect(heard.bulks.length).toBe(bulks.length)
  expect(heard.bulks.every((bulk, n) => bulk === bulks[n])).toBe(true)
  expect(heard.bulkAt - sinceMs).toBeLessThanOrEqual(limitMs)
}

/** Asserts that the first link stayed: no doubt, no further dial, and the channel was open all the time. */
export async function expectInPeace({ network, channel, statuses, transports, dialsAtOpen, runtime }: SlowPlace) {
  await runtime.pass(AFTER_MS)
  expect(statuses).toEqual(["open"])
  expect(channel.explain().incidents.filter(({ what }) => what === "doubted" || what === "closed")).toEqual([])
  expect(network.dials).toBe(dialsAtOpen)
  expect(network.dials).toBeLessThanOrEqual(transports.length)
}

/** Asserts that each byte was carried once, with little overhead, and that parts were not acknowledged one by one. */
export function expectCarriedOnce(place: SlowPlace, said: Readonly<Partial<Record<Way, readonly string[]>>>) {
  const { network, runtime, startedAt } = place
  const seconds = (runtime.now() - startedAt) / 1_000
  const messages = (said.up?.length ?? 0) + (said.down?.length ?? 0)
  for (const [way, back] of [
    ["up", "down"],
    ["down", "up"],
  ] as const) {
    const bytes = bytesOf(said[way])
    const acks = ACKS + ACKS_PER_SECOND * seconds + bytesOf(said[back]) / ACKED_BYTES + messages
    const most = CARRIED * bytes + MESSAGE_BYTES * messages + ACK_BYTES * acks + BASE_BYTES
    expect(network.carried[way].bytes).toBeLessThanOrEqual(most)
    if (bytes === 0) expect(network.carried[way].batches).toBeLessThanOrEqual(acks)
  }
}

/** The time in ms that a network needs for `bytes`. */
export function carryMs({ bytesPerSecond }: Pick<Slow, "bytesPerSecond">, bytes: number): number {
  return (1_000 * bytes) / bytesPerSecond
}

function bytesOf(bulks: readonly string[] = []): number {
  return bulks.reduce((sum, { length }) => sum + length, 0)
}
