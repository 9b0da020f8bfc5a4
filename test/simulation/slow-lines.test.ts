import { type Application, createSimulation } from "everwire/testing"
import { describe, expect, it } from "vitest"

interface Greetings {
  up: Record<never, never>
  down: { greeting: string }
}

/** Rates in bytes per second: a phone at the edge of its cell, the line on which this was found, a fast one. */
const RATES = [2_500, 28_206, 200_000]
const TRANSPORTS = ["websocket", "sse", "long-poll", "short-poll"] as const

/**
 * Each channel is greeted with a text that takes the line five seconds, after the last fault. `share`: the share of the
 * line's rate that a broken library makes use of. `deaf`: a channel that hears nothing.
 */
function createGreeter({ share = 1, deaf = -1 }): Application<Greetings> {
  const heard = new Set<number>()
  let channels = 0
  return {
    hub(hub, _, { network, plan: { limits } }) {
      const rate = limits?.downBytesPerSecond ?? 0
      hub.onPeer((peer) => {
        if (share < 1) network.limit({ ...limits, downBytesPerSecond: rate * share })
        peer.send("greeting", "x".repeat(5 * rate))
      })
    },
    channel(channel) {
      const index = channels++
      channel.on("greeting", () => {
        if (index !== deaf) heard.add(index)
      })
    },
    acts: {},
    missing: () => (heard.size < channels ? `${heard.size} of ${channels} greetings were heard` : undefined),
  }
}

function greet(transport: string, channels: number, rate: number, broken: { share?: number; deaf?: number } = {}) {
  const limits = { upBytesPerSecond: 5 * rate, downBytesPerSecond: rate, queueBytes: 2_000_000 }
  const plan = { transports: [transport], channels, limits, hubs: 1, latencyMs: 100, jitterMs: 0 } as const
  const rest = { tidy: true, mended: undefined, quickReprobes: false, resumeMs: 120_000, balanced: false } as const
  const application = createGreeter(broken)
  return createSimulation({ seed: 2, plan: { ...plan, ...rest }, moves: [], application, settleMs: 600_000 }).run()
}

describe.each(TRANSPORTS)("channels on one slow line, over %s", (transport) => {
  it.each([2, 3, 4, 5])("%i of them have the time that the line needs for all their greetings", async (channels) => {
    for (const rate of RATES) await greet(transport, channels, rate)
  })

  it("do not have the time of a library that makes use of a twelfth of the line", async () => {
    await expect(greet(transport, 3, 28_206, { share: 1 / 12 })).rejects.toThrow(
      /liveness: every channel was open for \d+ ms, and \d of 3 greetings were heard/,
    )
  })

  it("do not wait for ever for one that hears nothing", async () => {
    await expect(greet(transport, 3, 28_206, { deaf: 1 })).rejects.toThrow(
      /liveness: every channel was open for \d+ ms, and 2 of 3 greetings were heard/,
    )
  })
})
