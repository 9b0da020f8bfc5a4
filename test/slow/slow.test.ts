import { describe, expect, it } from "vitest"
import { carryMs, expectCarriedOnce, expectHeard, expectInPeace } from "./expect-slow.ts"
import { bulksOf, describeSlow, NETWORKS, type Slow, SlowPlace, type Way } from "./slow-place.ts"

/** Below 10 kB/s the tests send less, to save time. */
const SLOWEST = 10_000
const SHARE = 0.06
/** From 1 Mbit/s on the tests send megabytes. */
const GOOD = 125_000

/** The most that a chat line may be delayed by a bulk, beyond the round trip and the time of one bulk message. */
const LATE_MS = 1_500
/** The first window in bytes: until it has passed, the rate is unknown and all of it may be queued. */
const FIRST_WINDOW_BYTES = 32_768
/** How many chat lines are sent, one each second. */
const LINES = 10

/** A silent link on which both ends send is left within this time and this number of round trips under load. */
const NOTICED_MS = 3_000
const NOTICED_ROUND_TRIPS = 4
/** The most that the queue adds to a round trip under load. */
const LINE_MS = 1_000

/** The number of bytes for this network: on the slowest one 6 percent of `bytes`. */
function scaled({ bytesPerSecond }: Slow, bytes: number): number {
  return bytesPerSecond < SLOWEST ? Math.round(bytes * SHARE) : bytes
}

const networks = NETWORKS.map((slow) => ({ slow, title: describeSlow(slow) }))

describe.each(networks)("on a slow network ($title)", ({ slow }) => {
  it("a megabyte sent as soon as there is a peer arrives over the first link, once", async () => {
    const down = bulksOf(1, scaled(slow, 1_000_000))
    const place = new SlowPlace(slow, (peer) => down.forEach((bulk) => void peer.send("bulk", bulk)))
    await expectHeard(place, "down", down, place.startedAt)
    await expectInPeace(place)
    expectCarriedOnce(place, { down })
  })

  it("a large message sent by an open channel arrives over its link, once", async () => {
    const down = bulksOf(1, scaled(slow, 600_000))
    const place = new SlowPlace(slow)
    await place.open()
    const saidAt = place.runtime.now()
    place.side("down").send("bulk", down[0] ?? "")
    await expectHeard(place, "down", down, saidAt)
    await expectInPeace(place)
    expectCarriedOnce(place, { down })
  })

  it("a hundred messages sent at once arrive one after the other, each once", async () => {
    const down = bulksOf(scaled(slow, 100), 10_000)
    const place = new SlowPlace(slow)
    await place.open()
    const saidAt = place.runtime.now()
    for (const bulk of down) place.side("down").send("bulk", bulk)
    await expectHeard(place, "down", down, saidAt)
    await expectInPeace(place)
    expectCarriedOnce(place, { down })
  })

  it("an upload in pieces arrives once, and the hub's acks are few", async () => {
    const up = slow.bytesPerSecond >= GOOD ? bulksOf(16, 262_144) : bulksOf(8, scaled(slow, 65_536))
    const place = new SlowPlace(slow)
    await place.open()
    const saidAt = place.runtime.now()
    void place.sayInPieces("up", up)
    await expectHeard(place, "up", up, saidAt)
    await expectInPeace(place)
    expectCarriedOnce(place, { up })
  })

  it("messages in both directions at once arrive in both directions, once", async () => {
    const [up, down] = [bulksOf(2, scaled(slow, 300_000)), bulksOf(2, scaled(slow, 300_000))]
    const place = new SlowPlace(slow)
    await place.open()
    const saidAt = place.runtime.now()
    for (const bulk of up) place.side("up").send("bulk", bulk)
    for (const bulk of down) place.side("down").send("bulk", bulk)
    await expectHeard(place, "up", up, saidAt)
    await expectHeard(place, "down", down, saidAt)
    await expectInPeace(place)
    expectCarriedOnce(place, { up, down })
  })

  it.each(["up", "down"] as const)(
    "a chat line %s is not late behind a bulk whose sender waits for writable()",
    async (way) => {
      // Each piece takes a quarter of a second.
      const pieceBytes = Math.min(65_536, slow.bytesPerSecond / 4)
      const firstMs = Math.ceil(carryMs(slow, FIRST_WINDOW_BYTES)) + 10 * slow.roundTripMs
      const bulks = bulksOf(Math.ceil((firstMs + 1_000 * LINES) / 250), pieceBytes)
      const place = new SlowPlace(slow)
      await place.open()
      void place.sayInPieces(way, bulks)
      await place.runtime.pass(firstMs)
      place.chat(way, LINES)
      await place.runtime.pass(1_000 * LINES + 2 * LATE_MS + firstMs)
      const { lines } = place.heard[way]
      expect(lines.length).toBe(LINES)
      const lateMs = LATE_MS + slow.roundTripMs + carryMs(slow, pieceBytes)
      expect(Math.max(...lines.map(({ ageMs }) => ageMs))).toBeLessThanOrEqual(lateMs)
      await expectInPeace(place)
    },
  )

  it.each(["up", "down"] as const)(
    "a link that loses everything it carries %s is left for another one while both ends send",
    async (way) => {
      const busyMs = Math.ceil(carryMs(slow, 2 * FIRST_WINDOW_BYTES)) + 1_000
      // Enough to keep the link busy until it goes silent and for three seconds more.
      const pieces = Math.ceil((busyMs + 3_000) / 250)
      const place = new SlowPlace(slow)
      await place.open()
      for (let n = 0; n < pieces; n++) place.side("down").send("bulk", "x".repeat(slow.bytesPerSecond / 4))
      place.chat("up", Math.ceil(busyMs / 1_000) + LINES)
      await place.runtime.pass(busyMs)
      const { dials, wires } = place.network
      for (const wire of wires) wire.silence(way)
      const limitMs = NOTICED_MS + NOTICED_ROUND_TRIPS * (slow.roundTripMs + LINE_MS)
      expect(await place.runtime.passUntil(() => place.network.dials > dials, limitMs)).toBe(true)
    },
  )
})

describe("a bulk that comes down while nothing goes up", () => {
  const networks = [18_750, 62_500, 250_000].flatMap((bytesPerSecond) =>
    [20, 200, 600].map((roundTripMs): Slow => ({ bytesPerSecond, roundTripMs, queueBytes: 64_000 })),
  )
  /** When the link dies, in ms from the start of the bulk. The moments lie at different points between two probes. */
  const MOMENTS_MS = [8_000, 8_260, 8_410, 8_777]
  const MESSAGE_BYTES = 4_000
  const TICK_MS = 5

  /**
   * Returns how many ms later than allowed the channel dials again after its link has died. Zero or less is in time.
   */
  async function lateMs(slow: Slow, momentMs: number, ways: readonly Way[]): Promise<number> {
    const place = new SlowPlace({ ...slow, transports: ["websocket"] })
    const { runtime, network } = place
    await place.open()
    let isOver = false
    const say = async (): Promise<void> => {
      while (!isOver) {
        place.side("down").send("bulk", "x".repeat(MESSAGE_BYTES))
        await new Promise<void>((resolve) => void runtime.after(TICK_MS, resolve))
        await place.side("down").writable()
      }
    }
    void say()
    await runtime.pass(momentMs)
    const { dials, wires, queuedBytes } = network
    const loadedMs = Math.max(LINE_MS, carryMs(slow, queuedBytes.up + queuedBytes.down)) + slow.roundTripMs
    for (const wire of wires) for (const way of ways) wire.silence(way)
    const diedAt = runtime.now()
    await runtime.passUntil(() => network.dials > dials, 60_000)
    isOver = true
    return runtime.now() - diedAt - NOTICED_MS - NOTICED_ROUND_TRIPS * loadedMs
  }

  it.each(networks)(
    "does not delay the discovery that its link has died: $bytesPerSecond bytes/s, $roundTripMs ms",
    async (slow) => {
      for (const ways of [["down"], ["up"], ["up", "down"]] as const) {
        for (const momentMs of MOMENTS_MS) expect(await lateMs(slow, momentMs, ways)).toBeLessThanOrEqual(0)
      }
    },
  )
})

describe("a network that becomes slower in the middle of a transfer", () => {
  const slow: Slow = { bytesPerSecond: 250_000, roundTripMs: 100, queueBytes: undefined }

  it("is not taken for dead, and the rest arrives over the same link, once", async () => {
    const down = bulksOf(2, 500_000)
    const place = new SlowPlace(slow)
    await place.open()
    for (const bulk of down) place.side("down").send("bulk", bulk)
    await place.runtime.pass(2_000)
    place.network.limit({ upBytesPerSecond: 62_500, downBytesPerSecond: 62_500 })
    await expectHeard(place, "down", down, place.runtime.now(), 62_500)
    await expectInPeace(place)
    expectCarriedOnce(place, { down })
  })
})
