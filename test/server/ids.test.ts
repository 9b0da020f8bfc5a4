import { afterEach, describe, expect, it, vi } from "vitest"

afterEach(() => {
  vi.unstubAllGlobals()
  vi.resetModules()
})

describe("the ids of a hub", () => {
  it.each([
    ["with Node's Buffer", globalThis.Buffer],
    ["without it, as in a worker", undefined],
  ])("are tokens of 144 bits, all different, %s", async (_, given) => {
    vi.stubGlobal("Buffer", given)
    vi.resetModules()
    const { hubRuntime } = await import("../../src/runtimes/hub-runtime.ts")
    vi.unstubAllGlobals()
    const ids = Array.from({ length: 1_000 }, () => hubRuntime.id())
    expect(ids.filter((id) => !/^[\w-]{24}$/.test(id))).toEqual([])
    expect(new Set(ids).size).toBe(ids.length)
    // Each of the 64 characters occurs somewhere, so no bits are left out.
    expect(new Set(ids.join("")).size).toBe(64)
  })
})
