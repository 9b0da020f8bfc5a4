// How long a channel waits that cannot reach its hub.

import { createChannel, type Dialer } from "everwire/core"
import { createVirtualRuntime } from "everwire/testing"
import { describe, expect, it } from "vitest"

const MINUTE_MS = 60_000

/** Every dial fails with this code after 20 ms. Gives the times between those of the last minute of two. */
function gapsAfterAMinute(code: "captive-portal" | "redirected" | "refused", seed: number): number[] {
  const runtime = createVirtualRuntime({ seed })
  const dials: number[] = []
  const dialer: Dialer = {
    name: "portal",
    supported: () => true,
    dial(_, sink) {
      dials.push(runtime.now())
      runtime.after(20, () => sink.closed({ code, reason: "not the hub", retryable: true }))
      return { name: "portal", bufferedBytes: 0, send() {}, close() {} }
    },
  }
  createChannel("http://hub", { runtime, store: null, transports: [dialer] })
  const startedAt = runtime.now()
  runtime.advance(2 * MINUTE_MS)
  const late = dials.filter((at) => at > startedAt + MINUTE_MS)
  return late.slice(1).map((at, index) => at - (late[index] ?? 0))
}

const SEEDS = Array.from({ length: 20 }, (_, seed) => seed)

describe("a channel that meets somebody else in the place of its hub", () => {
  it.each(["captive-portal", "redirected"] as const)("(%s) looks again within 5 s, however long that takes", (code) => {
    expect(Math.max(...SEEDS.flatMap((seed) => gapsAfterAMinute(code, seed)))).toBeLessThan(5_000)
  })

  it("(refused) waits longer and longer", () => {
    expect(Math.max(...SEEDS.flatMap((seed) => gapsAfterAMinute("refused", seed)))).toBeGreaterThan(10_000)
  })
})

it("a channel that has never been open waits no longer than its hub has been away, or a second", () => {
  for (const seed of SEEDS) {
    const runtime = createVirtualRuntime({ seed })
    const waits: [awayMs: number, waitMs: number][] = []
    const nobody: Dialer = {
      name: "nobody",
      supported: () => true,
      dial(_, sink) {
        runtime.after(20, () => sink.closed({ code: "network", reason: "nobody", retryable: true }))
        return { name: "nobody", bufferedBytes: 0, send() {}, close() {} }
      },
    }
    const channel = createChannel("http://hub", { runtime, store: null, transports: [nobody] })
    const startedAt = runtime.now()
    channel.onStatus((_, { retryInMs = 0 }) => waits.push([runtime.now() - startedAt, retryInMs]))
    runtime.advance(MINUTE_MS)
    expect(waits.length).toBeGreaterThan(4)
    for (const [awayMs, waitMs] of waits) expect(waitMs).toBeLessThanOrEqual(Math.max(1_000, awayMs))
  }
})
