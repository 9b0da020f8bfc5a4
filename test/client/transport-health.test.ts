import { describe, expect, it } from "vitest"
import { Standing } from "../../src/client/connect/transport-health.ts"

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

describe("the standing of transports", () => {
  it("believes a condemned transport broken for ten minutes and no longer", () => {
    const standing = new Standing(undefined, ORIGIN)
    standing.condemn("websocket", NOW)
    expect(standing.brokenUntil("websocket", NOW + 599_999)).toBe(NOW + 600_000)
    expect(standing.brokenUntil("websocket", NOW + 600_000)).toBe(0)
  })

  it("is remembered for the next page, by origin", () => {
    const store = memoryStore()
    new Standing(store, ORIGIN).condemn("websocket", NOW)
    expect(new Standing(store, ORIGIN).brokenUntil("websocket", NOW)).toBeGreaterThan(NOW)
    expect(new Standing(store, "https://other.example").brokenUntil("websocket", NOW)).toBe(0)
  })

  it("takes a verdict back when the transport works after all", () => {
    const store = memoryStore()
    const standing = new Standing(store, ORIGIN)
    standing.condemn("sse", NOW)
    standing.acquit("sse")
    expect(new Standing(store, ORIGIN).brokenUntil("sse", NOW)).toBe(0)
  })

  it("demotes a transport whose links died young twice in a row", () => {
    const standing = new Standing(undefined, ORIGIN)
    standing.died("websocket", 300, NOW)
    expect(standing.flaps("websocket")).toBe(false)
    standing.died("websocket", 300, NOW)
    expect(standing.flaps("websocket")).toBe(true)
    expect(standing.brokenUntil("websocket", NOW)).toBeGreaterThan(NOW)
  })

  it("forgets young deaths after a link that lived", () => {
    const standing = new Standing(undefined, ORIGIN)
    standing.died("websocket", 300, NOW)
    standing.died("websocket", 60_000, NOW)
    standing.died("websocket", 300, NOW)
    expect(standing.flaps("websocket")).toBe(false)
  })

  it("learns a shorter pulse from two links that broke after the same silence", () => {
    const store = memoryStore()
    const standing = new Standing(store, ORIGIN)
    standing.diedIdle(8_000)
    expect(standing.speakMs).toBeUndefined()
    standing.diedIdle(8_100)
    expect(standing.speakMs).toBe(6_075)
    expect(new Standing(store, ORIGIN).speakMs).toBe(6_075)
  })

  it("never learns a pulse below the floor, and nothing from deaths of different ages", () => {
    const standing = new Standing(undefined, ORIGIN)
    standing.diedIdle(5_000)
    standing.diedIdle(20_000)
    expect(standing.speakMs).toBeUndefined()
    standing.diedIdle(4_500)
    standing.diedIdle(4_600)
    expect(standing.speakMs).toBe(4_000)
  })

  it("forgives everything when the network is another one", () => {
    const standing = new Standing(undefined, ORIGIN)
    standing.condemn("sse", NOW)
    standing.died("websocket", 1, NOW)
    standing.died("websocket", 1, NOW)
    standing.forgive()
    expect([standing.brokenUntil("sse", NOW), standing.strikes("websocket")]).toEqual([0, 0])
  })

  it.each(["", "nonsense", "null", '{"broken":3}', '{"broken":{"sse":"soon"},"speakMs":-1,"holdMs":"x"}'])(
    "starts afresh from a store that holds %j",
    (held) => {
      const store = memoryStore()
      store.all.set(`everwire:${ORIGIN}`, held)
      const standing = new Standing(store, ORIGIN)
      expect([standing.brokenUntil("sse", 0), standing.speakMs, standing.holdMs]).toEqual([0, undefined, undefined])
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
    const standing = new Standing(forbidden, ORIGIN)
    standing.condemn("sse", NOW)
    expect(standing.brokenUntil("sse", NOW)).toBeGreaterThan(NOW)
  })
})
