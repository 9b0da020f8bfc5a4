import { createDuo, type Duo, expectDelivered } from "everwire/testing"
import { expect, it } from "vitest"

/** A duo whose WebSocket brings the welcome of each link and nothing after it. */
async function behindAMuteWebSocket(): Promise<Duo> {
  const duo = await createDuo({ transports: ["websocket", "long-poll"], channel: { reprobeMs: [3_000] } })
  await duo.runtime.pass(3_000) // until then it was fine
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

it("a rung that is known to go mute must answer before it is taken again", async () => {
  const duo = await behindAMuteWebSocket()
  const { channel, runtime, network } = duo
  channel.send("word")
  await runtime.passUntil(() => channel.transport === "long-poll", 60_000)
  const taken: unknown[] = []
  channel.onStatus((_status, { transport }) => taken.push(transport))
  await runtime.pass(60_000)
  expect(taken).toEqual([])
  expect(channel.explain().incidents.map(({ closing }) => closing?.reason)).toContain("nothing came after the welcome")
  network.heal()
  expect(await runtime.passUntil(() => channel.transport === "websocket", 10_000)).toBe(true)
  await expectDelivered(duo)
})
