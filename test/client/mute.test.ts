import { createChannel } from "everwire"
import { createHub } from "everwire/server"
import { createDuo, createNetwork, createVirtualRuntime, type Duo, expectDelivered } from "everwire/testing"
import { describe, expect, it, vi } from "vitest"

const LADDER = ["websocket", "sse", "long-poll", "short-poll"]

/** Creates a duo whose WebSocket delivers the welcome of each link and nothing after it. */
async function behindAMuteWebSocket(): Promise<Duo> {
  const duo = await createDuo({ transports: ["websocket", "long-poll"], channel: { reprobeMs: [3_000] } })
  await duo.runtime.pass(3_000) // The WebSocket worked for these 3 s.
  duo.network.holdBack("websocket", 1)
  duo.network.cut()
  return duo
}

describe("a wire that goes mute behind each welcome", () => {
  it("is left for the next rung when the first silent link is doubted", async () => {
    const { channel, runtime } = await behindAMuteWebSocket()
    await runtime.pass(100)
    expect(channel.transport).toBe("websocket")
    const since = runtime.now()
    channel.send("word")
    expect(await runtime.passUntil(() => channel.transport === "long-poll", 60_000)).toBe(true)
    expect(runtime.now() - since).toBeLessThan(3_500)
    expect(channel.explain().rungs[0]).toMatchObject({ transport: "websocket", strikes: 1 })
  })

  it("is left also where every new dial reaches a hub that does not know the session", async () => {
    const duo = await behindAMuteWebSocket()
    const { channel, runtime } = duo
    await runtime.pass(100)
    duo.startHub() // The first hub keeps running; every new dial reaches this one.
    const reset = vi.fn()
    channel.onReset(reset)
    channel.send("word")
    expect(await runtime.passUntil(() => reset.mock.calls.length > 0, 3_000)).toBe(true)
    expect(await runtime.passUntil(() => channel.transport === "long-poll", 1_000)).toBe(true)
    await expectDelivered(duo)
  })

  it("makes each new link prove itself only until one has done so", async () => {
    const { channel, runtime, network } = await behindAMuteWebSocket()
    channel.send("word")
    await runtime.passUntil(() => channel.transport === "long-poll", 60_000)
    await runtime.pass(100)
    network.heal()
    const since = runtime.now()
    network.cut()
    expect(await runtime.passUntil(() => channel.transport === "websocket", 10_000)).toBe(true)
    await runtime.pass(1_000)
    const { incidents } = channel.explain()
    expect(incidents.filter(({ at, what }) => at >= since && what === "proved")).toEqual([])
  })

  /** Each line: the transports that are mute, the delay one way, and the longest time until the hub's word is heard. */
  it.each([
    [["websocket"], 10, 3_000, "sse"],
    [["websocket"], 350, 9_500, "sse"],
    [["websocket", "sse"], 10, 4_000, "long-poll"],
    [["websocket", "sse"], 350, 10_500, "long-poll"],
    [["websocket", "sse", "long-poll"], 10, 5_500, "short-poll"],
    [["websocket", "sse", "long-poll"], 350, 12_000, "short-poll"],
  ])(
    "costs no more than its first doubt and one climb: %j at %i ms within %i ms",
    async (mute, latencyMs, mostMs, to) => {
      const runtime = createVirtualRuntime()
      const network = createNetwork({ runtime, latencyMs })
      for (const name of mute) network.holdBack(name, 1)
      const hub = createHub({ runtime, transports: LADDER.map((name) => network.acceptor(name)) })
      hub.onPeer((peer) => void peer.send("word"))
      const channel = createChannel("http://hub", { runtime, transports: LADDER.map((name) => network.dialer(name)) })
      let heard = 0
      channel.on("word", () => heard++)
      await runtime.pass(2 * latencyMs)
      expect(channel.transport).toBe("websocket")
      expect(await runtime.passUntil(() => heard > 0, mostMs)).toBe(true)
      expect(channel.transport).toBe(to)
      const proved = channel.explain().incidents.filter(({ what }) => what === "proved")
      expect(proved.map(({ transport }) => transport)).toEqual([to])
      await runtime.pass(60_000)
      expect([heard, channel.transport]).toEqual([1, to])
    },
  )
})

it("a transport that is known to fall silent must answer a probe before it carries the session again", async () => {
  const duo = await behindAMuteWebSocket()
  const { channel, runtime, network } = duo
  channel.send("word")
  await runtime.passUntil(() => channel.transport === "long-poll", 60_000)
  const taken: unknown[] = []
  channel.onStatus((_status, { transport }) => taken.push(transport))
  await runtime.pass(60_000)
  expect(taken).toEqual([])
  expect(channel.explain().incidents.map(({ closing }) => closing?.code)).toContain("silent")
  network.heal()
  expect(await runtime.passUntil(() => channel.transport === "websocket", 10_000)).toBe(true)
  await expectDelivered(duo)
})

it("a transport that falls silent again is probed soon, also when only the hub has something to send", async () => {
  const duo = await behindAMuteWebSocket()
  const { channel, peer, runtime } = duo
  await runtime.pass(30_000) // The first silent link is probed when its heartbeat is due.
  peer.send("word", 1)
  expect(await runtime.passUntil(() => channel.transport === "long-poll", 10_000)).toBe(true)
  await expectDelivered(duo)
})

it("a transport that is silent after its first welcome is probed in 2 s where the welcome announced packets", async () => {
  const { channel, peer, runtime, network } = await behindAMuteWebSocket()
  peer.send("word", 1)
  await runtime.pass(100)
  const { dials } = network
  expect(channel.transport).toBe("websocket")
  expect(await runtime.passUntil(() => network.dials > dials, 3_000)).toBe(true)
})

it("a transport that is silent after its first welcome is not doubted where no packet has to come", async () => {
  const { runtime, network } = await behindAMuteWebSocket()
  await runtime.pass(100)
  const { dials } = network
  await runtime.pass(10_000)
  expect(network.dials).toBe(dials)
})

it.each(["sse", "websocket"])(
  "a %s that is held back behind its welcome does not take over from what works",
  async (name) => {
    const duo = await createDuo({ transports: [name, "long-poll"], channel: { reprobeMs: [3_000] } })
    const { channel, peer, runtime, network } = duo
    network.block(name)
    network.cut()
    await runtime.passUntil(() => channel.transport === "long-poll", 1_000)
    network.unblock(name)
    network.holdBack(name, 1)
    let lastAt = runtime.now()
    let longestMs = 0
    channel.on("price", () => {
      longestMs = Math.max(longestMs, runtime.now() - lastAt)
      lastAt = runtime.now()
    })
    for (let n = 0; n < 240; n++) {
      peer.send("price", n)
      await runtime.pass(250)
    }
    expect(longestMs).toBeLessThan(500)
    expect(channel.explain().incidents.filter(({ what }) => what === "welcomed").length).toBeGreaterThan(2)
    network.heal()
    expect(await runtime.passUntil(() => channel.transport === name, 15_000)).toBe(true)
    await expectDelivered(duo)
  },
)
