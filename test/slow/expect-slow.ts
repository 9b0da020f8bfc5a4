import { expect } from "vitest"
import type { Slow, SlowPlace, Way } from "./slow-place.ts"

/** A bulk takes so many times as long as the network needs for its bytes, */
const GOODPUT = 1.15
/** and some round trips, because the sender starts with little and learns what the network carries. */
const START_ROUND_TRIPS = 6
const CONSTANT_MS = 500

/** More may be carried than was said by this share, */
const CARRIED = 1.08
/** and for each message, and for the hellos and welcomes of a ladder. */
const MESSAGE_BYTES = 100
const BASE_BYTES = 5_000

/** Against the stream go acks, and probes with their answers: one for so many bytes, so many in a second, some at the start. */
const ACKED_BYTES = 8_192
const ACKS_PER_SECOND = 6
const ACKS = 40
const ACK_BYTES = 40

/** How long acks and doubts may come behind the last word. */
const AFTER_MS = 5_000

/** All these were heard since then, once and in order, and about as soon as the network could carry them. */
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

/** The link that was taken first was left in peace: nothing was doubted or dialed again, and the channel was never away. */
export async function expectInPeace({ network, channel, statuses, transports, dialsAtOpen, runtime }: SlowPlace) {
  await runtime.pass(AFTER_MS)
  expect(statuses).toEqual(["open"])
  expect(channel.explain().incidents.filter(({ what }) => what === "doubted" || what === "closed")).toEqual([])
  expect(network.dials).toBe(dialsAtOpen)
  expect(network.dials).toBeLessThanOrEqual(transports.length)
}

/** What was said was carried once, with little beside it, and no part of it was acknowledged alone. */
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

/** How long a network needs for so many bytes. */
export function carryMs({ bytesPerSecond }: Pick<Slow, "bytesPerSecond">, bytes: number): number {
  return (1_000 * bytes) / bytesPerSecond
}

function bytesOf(bulks: readonly string[] = []): number {
  return bulks.reduce((sum, { length }) => sum + length, 0)
}
