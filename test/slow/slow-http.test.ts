import { describe, expect, it } from "vitest"
import { SlowHttp, type SlowHttpOptions } from "./slow-http.ts"
import { bulksOf, type Way } from "./slow-place.ts"

const NETWORKS = [
  { bytesPerSecond: 18_750, roundTripMs: 600 },
  { bytesPerSecond: 62_500, roundTripMs: 20 },
  { bytesPerSecond: 250_000, roundTripMs: 200 },
  { bytesPerSecond: 2_500_000, roundTripMs: 200 },
] as const
const TRANSPORTS = ["sse", "long-poll", "short-poll"] as const

/**
 * The time limit of a transfer: a multiple of what the line needs for its bytes, and for the start some round trips and
 * ms.
 */
const TIMES = 1.5
const BEGINNING_ROUND_TRIPS = 12
const BEGINNING_MS = 2_000
const LATE_MS = 1_500

const cases = TRANSPORTS.flatMap((transport) => NETWORKS.map((network): SlowHttpOptions => ({ transport, ...network })))

async function open(options: SlowHttpOptions): Promise<SlowHttp> {
  const place = new SlowHttp(options)
  await place.passUntil(() => place.channel.status === "open", 10_000)
  return place
}

function limitMs({ bytesPerSecond, roundTripMs }: SlowHttpOptions, bytes: number): number {
  return (TIMES * 1_000 * bytes) / bytesPerSecond + BEGINNING_ROUND_TRIPS * roundTripMs + BEGINNING_MS
}

describe.each(cases)("over $transport at $bytesPerSecond bytes/s and $roundTripMs ms", (options) => {
  it.each([[["down"]], [["up"]], [["down", "up"]]] as const)(
    "what is said %s comes once, in order, without a doubt",
    async (ways) => {
      const place = await open(options)
      const bulks = bulksOf(10, 60_000)
      for (const bulk of bulks) for (const way of ways) place.side(way).send("bulk", bulk)
      const sum = ways.length * 600_000
      const tookMs = await place.passUntil(
        () => ways.every((way: Way) => place.heard[way].length >= 10),
        10 * limitMs(options, sum),
      )
      expect(tookMs).toBeLessThanOrEqual(limitMs(options, sum))
      for (const way of ways) expect(place.heard[way]).toEqual(bulks)
      expect(place.statuses).toEqual(["open"])
      void place.channel.close({ flushMs: 0 }) // The bye would take virtual time, which no longer advances.
    },
  )

  it("a chat line is not late behind a bulk whose sender waits for writable()", async () => {
    const place = await open(options)
    const pieces = bulksOf(100, Math.min(6_000, options.bytesPerSecond / 4))
    const say = async (): Promise<void> => {
      for (const piece of pieces) if (!place.side("down").send("bulk", piece)) await place.side("down").writable()
    }
    void say()
    for (let line = 0; line < 10; line++) {
      await place.passUntil(() => false, 1_000)
      place.side("down").send("chat", place.runtime.now())
    }
    await place.passUntil(() => place.agesMs.length === 10 && place.heard.down.length === 100, 60_000)
    // Until the rate is measured, up to 32 KiB may be queued.
    const firstMs = Math.max((1_000 * 32_768) / options.bytesPerSecond, 500)
    expect(Math.max(...place.agesMs.slice(3))).toBeLessThanOrEqual(LATE_MS + options.roundTripMs)
    expect(Math.max(...place.agesMs)).toBeLessThanOrEqual(LATE_MS + options.roundTripMs + firstMs)
    void place.channel.close({ flushMs: 0 }) // The bye would take virtual time, which no longer advances.
  })
})

describe.each(TRANSPORTS)("over %s at 20 kbit/s", (transport) => {
  it.each([20, 200, 600])("messages in both directions at once cause no doubt, %d ms", async (roundTripMs) => {
    const place = await open({ transport, bytesPerSecond: 2_500, roundTripMs })
    const bulks = bulksOf(10, 3_000)
    for (const bulk of bulks) for (const way of ["up", "down"] as const) place.side(way).send("bulk", bulk)
    await place.passUntil(() => place.heard.up.length >= 10 && place.heard.down.length >= 10, 60_000)
    expect(place.heard).toEqual({ up: bulks, down: bulks })
    expect(place.channel.explain().incidents.filter(({ what }) => what === "doubted" || what === "closed")).toEqual([])
    void place.channel.close({ flushMs: 0 }) // The bye would take virtual time, which no longer advances.
  })
})
