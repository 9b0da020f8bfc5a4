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

describe("the health of transports", () => {
  it("believes a condemned transport broken for ten minutes and no longer", () => {
    const health = new TransportHealth(undefined, ORIGIN)
    health.condemn("websocket", NOW)
    expect(health.brokenUntil("websocket", NOW + 599_999)).toBe(NOW + 600_000)
    expect(health.brokenUntil("websocket", NOW + 600_000)).toBe(0)
  })

  it("is remembered for the next page, by origin", () => {
    const store = memoryStore()
    new TransportHealth(store, ORIGIN).condemn("websocket", NOW)
    expect(new TransportHealth(store, ORIGIN).brokenUntil("websocket", NOW)).toBeGreaterThan(NOW)
    expect(new TransportHealth(store, "https://other.example").brokenUntil("websocket", NOW)).toBe(0)
  })

  it("takes a verdict back when the transport works after all", () => {
    const store = memoryStore()
    const health = new TransportHealth(store, ORIGIN)
    health.condemn("sse", NOW)
    health.acquit("sse")
    expect(new TransportHealth(store, ORIGIN).brokenUntil("sse", NOW)).toBe(0)
  })

  it("demotes a transport whose links died young twice in a row", () => {
    const health = new TransportHealth(undefined, ORIGIN)
    health.died("websocket", 300, NOW)
    expect(health.flaps("websocket")).toBe(false)
    health.died("websocket", 300, NOW)
    expect(health.flaps("websocket")).toBe(true)
    expect(health.brokenUntil("websocket", NOW)).toBeGreaterThan(NOW)
  })

  it("forgets young deaths after a link that lived", () => {
    const health = new TransportHealth(undefined, ORIGIN)
    health.died("websocket", 300, NOW)
    health.died("websocket", 60_000, NOW)
    health.died("websocket", 300, NOW)
    expect(health.flaps("websocket")).toBe(false)
  })

  it("learns a shorter pulse from two links that broke after the same silence", () => {
    const store = memoryStore()
    const health = new TransportHealth(store, ORIGIN)
    health.diedIdle(8_000)
    expect(health.heartbeatMs).toBeUndefined()
    health.diedIdle(8_100)
    expect(health.heartbeatMs).toBe(6_075)
    expect(new TransportHealth(store, ORIGIN).heartbeatMs).toBe(6_075)
  })

  it("never learns a pulse below the floor, and nothing from deaths of different ages", () => {
    const health = new TransportHealth(undefined, ORIGIN)
    health.diedIdle(5_000)
    health.diedIdle(20_000)
    expect(health.heartbeatMs).toBeUndefined()
    health.diedIdle(4_500)
    health.diedIdle(4_600)
    expect(health.heartbeatMs).toBe(4_000)
  })

  it("forgives everything when the network is another one", () => {
    const health = new TransportHealth(undefined, ORIGIN)
    health.condemn("sse", NOW)
    health.died("websocket", 1, NOW)
    health.died("websocket", 1, NOW)
    health.forgive()
    expect([health.brokenUntil("sse", NOW), health.strikes("websocket")]).toEqual([0, 0])
  })

  it.each(["", "nonsense", "null", '{"broken":3}', '{"broken":{"sse":"soon"},"heartbeatMs":-1,"holdMs":"x"}'])(
    "starts afresh from a store that holds %j",
    (held) => {
      const store = memoryStore()
      store.all.set(`everwire:${ORIGIN}`, held)
      const health = new TransportHealth(store, ORIGIN)
      expect([health.brokenUntil("sse", 0), health.heartbeatMs, health.holdMs]).toEqual([0, undefined, undefined])
    },
  )

  it("goes on without a store that throws", () => {
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
