import { createChannel } from "everwire/core"
import { createHub } from "everwire/server"
import { createDuo, createNetwork, createVirtualRuntime, expectDelivered } from "everwire/testing"
import { expect, it } from "vitest"

it("a hub's stats count what all its sessions carry, and go on counting when they end", async () => {
  const duo = await createDuo({
    transports: ["websocket"],
    serve: (hub) => hub.on("up", (_, peer) => void peer.send("down")),
  })
  const { channel, hub, runtime, network } = duo
  for (let n = 0; n < 3; n++) channel.send("up", n)
  await expectDelivered(duo)
  expect(hub.stats()).toMatchObject({ sent: 3, received: 3, replayed: 0 })
  for (let n = 0; n < 2; n++) hub.send("down", n)
  await runtime.pass(1) // on their way
  network.cut()
  await expectDelivered(duo)
  expect(hub.stats()).toMatchObject({ sent: 5, received: 3, replayed: 2, resumed: 1 })
  const before = hub.stats()
  duo.peer.close()
  await runtime.pass(1_000)
  expect(hub.stats()).toMatchObject({ sent: 5, received: 3, replayed: 2, sessions: 0, began: 1 })
  expect(hub.stats().sentBytes).toBeGreaterThanOrEqual(before.sentBytes)
})

it("a hub's stats count the bytes of what sessions send and receive", async () => {
  const duo = await createDuo({ transports: ["websocket"] })
  const { channel, hub, peer } = duo
  channel.send("up", "y".repeat(100))
  peer.send("down", "x".repeat(1_000))
  await expectDelivered(duo)
  const { sentBytes, receivedBytes } = hub.stats()
  expect(receivedBytes).toBeGreaterThan(100)
  expect(receivedBytes).toBeLessThan(200)
  expect(sentBytes).toBeGreaterThan(1_000)
  expect(sentBytes).toBeLessThan(1_100)
})

it("a hub's stats tell which transports carry its sessions, and how many have none", async () => {
  const runtime = createVirtualRuntime()
  const network = createNetwork({ runtime })
  const names = ["websocket", "sse"]
  const hub = createHub({ runtime, transports: names.map((name) => network.acceptor(name)) })
  for (const name of ["websocket", "websocket", "sse"]) {
    createChannel("http://hub", { runtime, transports: [network.dialer(name)] }).send("used")
  }
  await runtime.pass(1_000)
  expect(hub.stats()).toMatchObject({ sessions: 3, transports: { websocket: 2, sse: 1 }, away: 0 })
  network.block("sse")
  network.cut()
  await runtime.pass(1_000)
  expect(hub.stats()).toMatchObject({ sessions: 3, transports: { websocket: 2 }, away: 1, began: 3, resumed: 2 })
})

it("a hub's stats count peers that do not keep up, and requests that are being answered", async () => {
  const never = (): Promise<never> => new Promise(() => {})
  const duo = await createDuo({ transports: ["websocket"], serve: (hub) => hub.handle("never", never) })
  const { hub, peer, channel } = duo
  void channel.request("never").catch(() => {})
  await expectDelivered(duo)
  expect(hub.stats()).toMatchObject({ slow: 0, requests: 1, answering: 1 })
  expect(peer.send("much", "x".repeat(100_000))).toBe(false)
  expect(hub.stats()).toMatchObject({ slow: 1 })
  await expectDelivered(duo)
  expect(hub.stats()).toMatchObject({ slow: 0 })
})

it("a hub's stats are a snapshot, with the limits in force beside the numbers", async () => {
  const duo = await createDuo({ transports: ["websocket"], hub: { limits: { maxSessions: 7 } } })
  const before = duo.hub.stats()
  const copy = structuredClone(before)
  expect(before.limits).toMatchObject({ maxSessions: 7, maxKeptBytes: 128 * 1_024 * 1_024 })
  duo.hub.send("down", 1, { latest: "key" })
  duo.hub.send("down", 2, { latest: "key" })
  duo.peer.close()
  await duo.runtime.pass(1_000)
  expect(before).toEqual(copy)
  expect(duo.hub.stats()).not.toEqual(copy)
})
