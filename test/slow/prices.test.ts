import { createChannel } from "everwire/core"
import { createHub } from "everwire/server"
import { createNetwork, createVirtualRuntime } from "everwire/testing"
import { expect, it } from "vitest"

const SYMBOLS = 200
const FAST = 49
const SECONDS = 6
/** How old a price may be when it arrives at the slow channel, in milliseconds, and what the hub may keep for that channel. */
const OLDEST_MS = 500
const MOST_BYTES = 100_000
/**
 * How old a price may be that the slow channel shows. It is replaced later than it could be where a newer price was said
 * each time before the one that waited had its turn.
 */
const SHOWN_MS = 1_200
/** Prices that a link of 64 kB/s brings in a second at least; the others are dropped. */
const LEAST_A_SECOND = 700

interface Price {
  readonly symbol: string
  readonly price: number
  /** When the hub sent it. */
  readonly at: number
}

interface Seen {
  /** Age of the oldest price when it arrived at the slow channel, and of the oldest one that it showed at any moment. */
  arrivedMs: number
  shownMs: number
  /** Bytes that the hub keeps, at each moment that was looked at. */
  readonly kept: number[]
  readonly arrived: number
  readonly fastArrived: number
}

/**
 * 2,000 prices a second for 200 symbols, to channels on fast networks and, with `bytesPerSecond`, to one on a slow link
 * behind a modem that queues everything.
 */
async function market(bytesPerSecond?: number): Promise<Seen> {
  const runtime = createVirtualRuntime({ seed: 1 })
  const fast = createNetwork({ runtime, latencyMs: 20 })
  const slow = createNetwork({ runtime, latencyMs: 20, limits: { downBytesPerSecond: bytesPerSecond } })
  const hub = createHub({ runtime, transports: [fast.acceptor("fast"), slow.acceptor("slow")] })
  const open = (dialer: ReturnType<typeof fast.dialer>): ReturnType<typeof createChannel> =>
    createChannel("http://market", { runtime, transports: [dialer] })
  const seen = { arrivedMs: 0, shownMs: 0, kept: [] as number[], arrived: 0, fastArrived: 0 }
  const others = Array.from({ length: FAST }, () => open(fast.dialer("fast")))
  for (const channel of others) channel.on("price", () => void seen.fastArrived++)
  const shown = new Map<string, number>()
  if (bytesPerSecond !== undefined) {
    open(slow.dialer("slow")).on("price", (data) => {
      const { symbol, at } = data as Price
      seen.arrived++
      seen.arrivedMs = Math.max(seen.arrivedMs, runtime.now() - at)
      shown.set(symbol, at)
    })
  }
  await runtime.pass(1_000)
  let sent = 0
  for (let ms = 0; ms < SECONDS * 1_000; ms++) {
    for (let i = 0; i < 2; i++, sent++) {
      const symbol = `SYM${sent % SYMBOLS}`
      hub.send("price", { symbol, price: 1.2345 + sent, at: runtime.now() }, { latest: symbol })
    }
    await runtime.pass(1)
    if (ms % 50 !== 0) continue
    seen.kept.push(hub.stats().keptBytes)
    if (ms > 1_000) for (const at of shown.values()) seen.shownMs = Math.max(seen.shownMs, runtime.now() - at)
  }
  return seen
}

it("a slow channel is brought prices that are at most 500 ms old, and costs the hub less than 100 kB", async () => {
  const without = await market()
  const seen = await market(64_000)
  const cost = seen.kept.map((bytes, at) => bytes - (without.kept[at] ?? 0))
  expect(seen.fastArrived).toBe(without.fastArrived)
  expect(seen.arrivedMs).toBeLessThanOrEqual(OLDEST_MS)
  expect(seen.shownMs).toBeLessThanOrEqual(SHOWN_MS)
  expect(seen.arrived).toBeGreaterThan(LEAST_A_SECOND * SECONDS)
  expect(Math.max(...cost)).toBeLessThan(MOST_BYTES)
}, 120_000)
