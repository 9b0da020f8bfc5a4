import { afterAll, describe, expect, it } from "vitest"
import type { Direction, Fate, FaultProxy } from "../support/fault-proxy.ts"
import { forMs, startJourney } from "../support/journey.ts"

/** One-way delay in ms; twice this is the round trip r in the table of DESIGN. */
const DELAY_MS = 20
const R = 2 * DELAY_MS
/** How many ms to allow for "a few ms", on a machine that runs other programs too. */
const ALLOWANCE_MS = 250

const table: string[] = ["fault | bound | measured"]
afterAll(() => console.log(table.join("\n")))

const perfect = { lost: 0, doubled: 0, outOfOrder: 0 }

/** DESIGN section 5: the time limit for the first message, and the transport that carries it. */
const faults: readonly {
  readonly title: string
  readonly boundMs: number
  readonly on: string
  strike(proxy: FaultProxy): void
}[] = [
  // The second round trip in DESIGN's table is that of the TCP handshake, which has no delay here.
  { title: "is fine", boundMs: R, on: "websocket", strike() {} },
  ...[403, 502].map((status) => ({
    title: `is refused with ${status}`,
    boundMs: 4 * R,
    on: "sse",
    strike: (proxy: FaultProxy) => proxy.take("websocket", { status }),
  })),
  ...(["black-hole", "mute", "mute-down"] as const).map((fate) => ({
    title: { "black-hole": "is black-holed", mute: "opens and stays mute", "mute-down": "opens and hears but is mute" }[
      fate
    ],
    boundMs: 300 + 4 * R,
    on: "sse",
    strike: (proxy: FaultProxy) => proxy.take("websocket", fate),
  })),
  ...(["black-hole", "mute"] as const).map((fate) => ({
    title: `is ${fate === "mute" ? "mute" : "black-holed"} and a proxy holds SSE back`,
    boundMs: 1_200 + 4 * R,
    on: "long-poll",
    strike(proxy: FaultProxy) {
      proxy.take("websocket", fate)
      proxy.take("sse", "hold-back")
    },
  })),
]

// One after another, because their times are measured.
describe("the first message arrives at a channel whose WebSocket", () => {
  it.for(faults)("$title within the time that DESIGN allows", async ({ title, boundMs, on, strike }, context) => {
    const { hub, proxy, dial } = await startJourney(context.onTestFinished)
    proxy.delayMs = DELAY_MS
    strike(proxy)
    hub.onPeer((peer) => peer.send("first"))
    const measuredMs: number[] = []
    for (let round = 0; round < 2; round++) {
      const begunAt = performance.now()
      const channel = dial()
      await new Promise((resolve) => channel.on("first", resolve))
      measuredMs.push(Math.round(performance.now() - begunAt))
      expect(channel.transport).toBe(on)
    }
    table.push(`websocket ${title} | ${boundMs} ms | ${measuredMs.join(", ")} ms`)
    expect(Math.max(...measuredMs)).toBeLessThanOrEqual(boundMs + ALLOWANCE_MS)
  })
})

describe.concurrent("under a steady flow", () => {
  it("SSE that stops after its first event is left for long-poll, with nothing lost or doubled", async ({
    onTestFinished,
  }) => {
    const { proxy, flow: startFlow } = await startJourney(onTestFinished)
    proxy.delayMs = DELAY_MS
    proxy.take("websocket")
    proxy.take("sse", "hold-back-after-first")
    const { channel, flow } = await startFlow()
    await forMs(3_000)
    const { up, down, maxGapMs, resets } = await flow.settled(10_000)
    table.push(`SSE stops after its first event, under flow | 1200 ms + 4 r = 1360 ms | longest gap ${maxGapMs} ms`)
    expect(channel.transport).toBe("long-poll")
    expect({ up, down, resets }).toMatchObject({ up: perfect, down: perfect, resets: 0 })
    expect(maxGapMs).toBeLessThanOrEqual(1_200 + 4 * R + ALLOWANCE_MS)
  })

  const deaths: readonly { readonly title: string; readonly direction?: Direction; readonly after?: Fate }[] = [
    { title: "dies silently" },
    { title: "dies silently on the way up", direction: "up" },
    { title: "dies silently on the way down", direction: "down" },
    { title: "dies silently and is refused from then on", after: { status: 502 } },
    { title: "dies silently and is black-holed from then on", after: "black-hole" },
  ]
  for (const { title, direction, after } of deaths) {
    // The next transport waits before it starts when the WebSocket does not answer; a refusal starts it at once.
    const boundMs = after === "black-hole" ? 3_300 : 3_000
    it(`a WebSocket that ${title} costs less than ${boundMs} ms, and nothing is lost or doubled`, async ({
      onTestFinished,
    }) => {
      const { proxy, flow: startFlow } = await startJourney(onTestFinished)
      proxy.delayMs = DELAY_MS
      const { channel, flow } = await startFlow()
      await forMs(1_000)
      proxy.silence(direction)
      if (after !== undefined) proxy.take("websocket", after, "silence")
      await forMs(3_500)
      const { up, down, maxGapMs, resets } = await flow.settled(10_000)
      table.push(
        `websocket ${title}, under flow | ${boundMs} ms | longest gap ${maxGapMs} ms, then ${channel.transport}`,
      )
      expect(channel.transport).toBe(after === undefined ? "websocket" : "sse")
      expect({ up, down, resets }).toMatchObject({ up: perfect, down: perfect, resets: 0 })
      expect(maxGapMs).toBeLessThan(boundMs)
    })
  }

  it("a long-poll that dies silently with nothing to fall back on costs a second dial more", async ({
    onTestFinished,
  }) => {
    const { proxy, flow: startFlow } = await startJourney(onTestFinished)
    proxy.delayMs = DELAY_MS
    const { flow } = await startFlow({ transports: ["long-poll"] })
    await forMs(1_000)
    proxy.silence()
    await forMs(3_500)
    const { up, down, maxGapMs, resets } = await flow.settled(10_000)
    table.push(`long-poll alone dies silently, under flow | 4200 ms | longest gap ${maxGapMs} ms`)
    expect({ up, down, resets }).toMatchObject({ up: perfect, down: perfect, resets: 0 })
    // The first hello may be sent on an idle pooled connection that died with the others.
    expect(maxGapMs).toBeLessThan(3_000 + 1_200)
  })

  it("a WebSocket that dies 300 ms after opening, for ever, is left for another rung within two deaths", async ({
    onTestFinished,
  }) => {
    const { proxy, flow: startFlow } = await startJourney(onTestFinished)
    proxy.delayMs = DELAY_MS
    let opened = 0
    proxy.judge = ({ transport }) => {
      if (transport !== "websocket") return "pass"
      opened++
      return { killAfterMs: 300 }
    }
    const { channel, flow } = await startFlow({ reprobeMs: [500] })
    const carriers = [channel.transport]
    channel.onStatus((status, { transport }) => status === "open" && carriers.push(transport))
    await forMs(6_000)
    const { up, down, maxGapMs, resets } = await flow.settled(10_000)
    table.push(`websocket flaps every 300 ms | 2 deaths | ${carriers.join(", ")}; longest gap ${maxGapMs} ms`)
    expect(carriers.lastIndexOf("websocket")).toBeLessThan(2)
    expect(new Set(carriers.slice(carriers.lastIndexOf("websocket") + 1))).toEqual(new Set(["sse"]))
    // The WebSocket was tried again, and not trusted.
    expect(opened).toBeGreaterThan(carriers.lastIndexOf("websocket") + 1)
    expect({ up, down, resets }).toMatchObject({ up: perfect, down: perfect, resets: 0 })
  })
})

describe.concurrent("a server that is away", () => {
  const absences = [
    {
      title: "its address resets every connection",
      leave: (proxy: FaultProxy) => {
        proxy.refusing = true
      },
    },
    {
      title: "a balancer answers 502 for it",
      leave: (proxy: FaultProxy) => {
        proxy.judge = () => ({ status: 502 })
      },
    },
  ]
  for (const { title, leave } of absences) {
    it(`(${title}) is waited for with a jittered back-off, and found again on the preferred transport`, async ({
      onTestFinished,
    }) => {
      const { proxy, flow: startFlow } = await startJourney(onTestFinished)
      proxy.delayMs = DELAY_MS
      const { channel, flow } = await startFlow()
      const waitsMs: number[] = []
      const waitedEnough = new Promise<void>((resolve) => {
        channel.onStatus((status, { retryInMs = 0 }) => {
          if (status !== "reconnecting" || retryInMs === 0) return
          if (waitsMs.push(retryInMs) === 3) resolve()
        })
      })
      leave(proxy)
      proxy.reset()
      await waitedEnough
      expect(channel.explain().rungs.map(({ standing }) => standing)).not.toContain("broken")
      const backAt = performance.now()
      const reopened = new Promise<void>((resolve) => {
        channel.onStatus((status) => status === "open" && resolve())
      })
      proxy.refusing = false
      proxy.judge = () => "pass"
      await reopened
      const measuredMs = Math.round(performance.now() - backAt)
      const boundMs = (waitsMs.at(-1) ?? 0) + 1_000
      const { up, down, resets } = await flow.settled(10_000)
      table.push(`server away: ${title} | ${boundMs} ms | ${measuredMs} ms after waits of ${waitsMs.join(", ")} ms`)
      expect(measuredMs).toBeLessThanOrEqual(boundMs)
      expect(channel.transport).toBe("websocket")
      for (const [n, waitMs] of waitsMs.entries()) expect(waitMs).toBeLessThanOrEqual(500 * 2 ** n)
      // Without jitter each wait would be the same share of its maximum.
      expect(new Set(waitsMs.map((waitMs, n) => (waitMs / 2 ** n).toFixed(1))).size).toBeGreaterThan(1)
      expect({ up, down, resets }).toMatchObject({ up: perfect, down: perfect, resets: 0 })
    })
  }
})
