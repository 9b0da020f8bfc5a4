import { createDuo, type Duo, expectDelivered } from "everwire/testing"
import { expect, it } from "vitest"

/** Creates a duo whose WebSocket delivers the welcome of each link and nothing after it. */
async function behindAMuteWebSocket(): Promise<Duo> {
  const duo = await createDuo({ transports: ["websocket", "long-poll"], channel: { reprobeMs: [3_000] } })
  await duo.runtime.pass(3_000) // The WebSocket worked for these 3 s.
  duo.network.holdBack("websocket", 1)
  duo.network.cut()
  return duo
}

it("a wire that goes mute behind each welcome is left for the next rung when it has done so again and again", async () => {
  const { channel, runtime } = await behindAMuteWebSocket()
  await runtime.pass(100)
  expect(channel.transport).toBe("websocket")
  channel.send("word")
  expect(await runtime.passUntil(() => channel.transport === "long-poll", 60_000)).toBe(true)
  expect(channel.explain().rungs[0]).toMatchObject({ transport: "websocket", strikes: 3 })
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
