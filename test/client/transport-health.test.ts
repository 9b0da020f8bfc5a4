import { describe, expect, it } from "vitest"
import { TransportHealth } from "../../src/client/connect/transport-health.ts"

function memoryStore(): {
  getItem(key: string): string | null
  setItem(key: string, value: string): void
  all: Map<string, string>
} {
  const all = new Map<string, string>()
  return { all, getItem: (key) => all.get(key) ?? null, setItem: (key, value) => void all.set(key, value) }
}

const ORIGIN = "https://hub.example"
const NOW = 1_000_000

describe("what a channel remembers of its transports", () => {
  it("keeps a verdict for ten minutes and no longer", () => {
    const health = new TransportHealth(undefined, ORIGIN)
    health.condemn("websocket", NOW)
    expect(health.brokenUntil("websocket", NOW + 599_999)).toBe(NOW + 600_000)
    expect(health.brokenUntil("websocket", NOW + 600_000)).toBe(0)
  })

  it("is stored for the next page, by origin", () => {
    const store = memoryStore()
    new TransportHealth(store, ORIGIN).condemn("websocket", NOW)
    expect(new TransportHealth(store, ORIGIN).brokenUntil("websocket", NOW)).toBeGreaterThan(NOW)
    expect(new TransportHealth(store, "https://other.example").brokenUntil("websocket", NOW)).toBe(0)
  })

  it("withdraws a verdict when the transport works after all", () => {
    const store = memoryStore()
    const health = new TransportHealth(store, ORIGIN)
    health.condemn("sse", NOW)
    health.acquit("sse")
    expect(new TransportHealth(store, ORIGIN).brokenUntil("sse", NOW)).toBe(0)
  })

  it("gives a verdict on a transport whose links died young twice in a row", () => {
    const health = new TransportHealth(undefined, ORIGIN)
    health.died("websocket", 300, NOW)
    expect(health.flaps("websocket")).toBe(false)
    health.died("websocket", 300, NOW)
    expect(health.flaps("websocket")).toBe(true)
    expect(health.brokenUntil("websocket", NOW)).toBeGreaterThan(NOW)
  })

  it("forgets the strikes after a link that lived long enough", () => {
    const health = new TransportHealth(undefined, ORIGIN)
    health.died("websocket", 300, NOW)
    health.died("websocket", 60_000, NOW)
    health.died("websocket", 300, NOW)
    expect(health.flaps("websocket")).toBe(false)
  })

  it("learns a shorter heartbeat from two links that broke after the same idle time", () => {
    const store = memoryStore()
    const health = new TransportHealth(store, ORIGIN)
    health.diedIdle(8_000)
    expect(health.heartbeatMs).toBeUndefined()
    health.diedIdle(8_100)
    expect(health.heartbeatMs).toBe(6_075)
    expect(new TransportHealth(store, ORIGIN).heartbeatMs).toBe(6_075)
  })

  it("never learns a heartbeat below the minimum, nor anything from links that broke at different ages", () => {
    const health = new TransportHealth(undefined, ORIGIN)
    health.diedIdle(5_000)
    health.diedIdle(20_000)
    expect(health.heartbeatMs).toBeUndefined()
    health.diedIdle(4_500)
    health.diedIdle(4_600)
    expect(health.heartbeatMs).toBe(4_000)
  })

  it("forgets all verdicts when the network is another one", () => {
    const health = new TransportHealth(undefined, ORIGIN)
    health.condemn("sse", NOW)
    health.died("websocket", 1, NOW)
    health.died("websocket", 1, NOW)
    health.forgive()
    expect([health.brokenUntil("sse", NOW), health.strikes("websocket")]).toEqual([0, 0])
  })

  it.each(["", "nonsense", "null", '{"broken":3}', '{"broken":{"sse":"soon"},"heartbeatMs":-1,"holdMs":"x"}'])(
    "starts empty from a store that holds %j",
    (held) => {
      const store = memoryStore()
      store.all.set(`everwire:${ORIGIN}`, held)
      const health = new TransportHealth(store, ORIGIN)
      expect([health.brokenUntil("sse", 0), health.heartbeatMs, health.holdMs]).toEqual([0, undefined, undefined])
    },
  )

  it("works without a store that throws", () => {
    const forbidden = {
      getItem(): never {
        throw new Error("forbidden")
      },
      setItem(): never {
        throw new Error("forbidden")
      },
    }
    const health = new TransportHealth(forbidden, ORIGIN)
    health.condemn("sse", NOW)
    expect(health.brokenUntil("sse", NOW)).toBeGreaterThan(NOW)
  })
})
