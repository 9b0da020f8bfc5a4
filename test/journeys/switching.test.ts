import { describe, expect, it } from "vitest"
import type { Fate } from "../support/fault-proxy.ts"
import { forMs, onTransport, startJourney } from "../support/journey.ts"

/** How a transport is taken away: its open connections are reset, and new dials meet this fate. */
const takings: readonly { readonly how: string; readonly fate: Fate }[] = [
  { how: "refused", fate: { status: 403 } },
  { how: "black-holed", fate: "black-hole" },
]

describe.concurrent("a steady flow both ways", () => {
  for (const { how, fate } of takings) {
    it(`goes from websocket to sse, long-poll, short-poll and back as each is ${how}, and never stops for 3 s`, async ({
      onTestFinished,
    }) => {
      const { proxy, failures, flow: startFlow } = await startJourney(onTestFinished)
      proxy.delayMs = 5
      const { channel, flow } = await startFlow({ reprobeMs: [300] })
      const carriers = [channel.transport]
      channel.onStatus((_, { transport }) => {
        if (transport !== undefined && transport !== carriers.at(-1)) carriers.push(transport)
      })
      const walk = [
        ["websocket", "sse"],
        ["sse", "long-poll"],
        ["long-poll", "short-poll"],
      ] as const
      for (const [taken, next] of walk) {
        await forMs(700)
        proxy.take(taken, fate)
        await onTransport(channel, next)
      }
      await forMs(700)
      proxy.giveBack()
      await onTransport(channel, "websocket")
      await forMs(700)
      const { up, down, maxGapMs, resets } = await flow.settled(10_000)
      console.log(`each ${how}: ${carriers.join(" -> ")} | ${up.sent} each way | longest gap ${maxGapMs} ms`)
      // While better transports come back, one in between may carry the session for a moment.
      expect(carriers.slice(0, 4)).toEqual(["websocket", "sse", "long-poll", "short-poll"])
      expect(carriers.at(-1)).toBe("websocket")
      const perfect = { lost: 0, doubled: 0, outOfOrder: 0 }
      expect({ up, down, resets }).toMatchObject({ up: perfect, down: perfect, resets: 0 })
      expect(maxGapMs).toBeLessThan(3_000)
      expect(failures).toEqual([])
    })
  }
})
