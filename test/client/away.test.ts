import { createDuo } from "everwire/testing"
import { expect, it } from "vitest"

it("a server that was away is not taken for broken transports: nothing is held against any of them", async () => {
  const duo = await createDuo()
  const { channel, runtime } = duo
  duo.crashHub()
  await runtime.pass(30_000)
  expect(channel.explain().rungs.map(({ standing }) => standing)).not.toContain("broken")
  duo.startHub()
  await runtime.passUntil(() => channel.status === "open", 30_000)
  expect(channel.transport).toBe("websocket")
})
