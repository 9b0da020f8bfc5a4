// How long a channel waits between dials while it cannot reach its hub.

import { createChannel, type Dialer } from "everwire/core"
import { createVirtualRuntime } from "everwire/testing"
import { describe, expect, it } from "vitest"

const MINUTE_MS = 60_000

/** Fails every dial with this code after 20 ms. Returns the times between the dials in the second of two minutes. */
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

describe("a channel that reaches something else in place of its hub", () => {
  it.each(["captive-portal", "redirected"] as const)("(%s) dials again within 5 s, however long that lasts", (code) => {
    expect(Math.max(...SEEDS.flatMap((seed) => gapsAfterAMinute(code, seed)))).toBeLessThan(5_000)
  })

  it("(refused) waits longer each time", () => {
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
