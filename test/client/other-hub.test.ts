import { createDuo } from "everwire/testing"
import { expect, it } from "vitest"

it("a session with a working link is kept when better transports only reach hubs that do not know it", async () => {
  const duo = await createDuo({ transports: ["websocket", "sse"], channel: { reprobeMs: [1_000] } })
  const { channel, runtime, network } = duo
  network.block("websocket")
  network.cut()
  await runtime.passUntil(() => channel.transport === "sse", 10_000)
  const seen: unknown[] = []
  channel.onReset(({ closing }) => seen.push(closing))
  channel.onStatus((status) => seen.push(status))
  duo.startHub() // The first hub keeps running; every new dial reaches this one.
  network.unblock("websocket")
  await runtime.pass(20_000)
  const refused = channel.explain().incidents.filter(({ closing }) => closing?.code === "session-unknown")
  expect(refused.length).toBeGreaterThan(8)
  expect([seen, channel.status, channel.transport]).toEqual([[], "open", "sse"])

  network.cut()
  await runtime.passUntil(() => channel.transport === "websocket", 10_000)
  expect(seen).toContainEqual(expect.objectContaining({ code: "session-unknown" }))
})
