import { createChannel } from "everwire/core"
import { createHub } from "everwire/server"
import { createDuo, createNetwork, createVirtualRuntime, expectDelivered } from "everwire/testing"
import { expect, it } from "vitest"

const TWO = { transports: ["websocket", "sse"] }

it("a channel's stats count what it sends and receives, each packet once", async () => {
  const duo = await createDuo({
    ...TWO,
    serve: (hub) => {
      hub.handle("double", (n) => 2 * (n as number))
      hub.on("say", (text, peer) => void peer.send("said", text))
    },
  })
  const { channel } = duo
  expect(channel.stats()).toMatchObject({ sent: 0, received: 0, unacknowledged: 0, unsent: 0, bufferedBytes: 0 })
  for (let n = 0; n < 3; n++) channel.send("say", `${n}`)
  const asked = channel.request("double", 4)
  expect(channel.stats()).toMatchObject({ sent: 4, received: 0, unacknowledged: 4, unsent: 4 })
  expect(channel.stats().bufferedBytes).toBe(channel.bufferedBytes)
  await duo.runtime.pass(15)
  expect(channel.stats()).toMatchObject({ sent: 4, unacknowledged: 4, unsent: 0 })
  await expectDelivered(duo)
  expect(await asked).toBe(8)
  expect(channel.stats()).toMatchObject({ sent: 4, received: 4, replayed: 0, unacknowledged: 0, bufferedBytes: 0 })
})

it("a channel's stats count the bytes of batches both ways", async () => {
  const duo = await createDuo({
    ...TWO,
    serve: (hub) => hub.on("up", (_, peer) => void peer.send("down", "x".repeat(5))),
  })
  const { channel } = duo
  const before = channel.stats()
  channel.send("up", "y".repeat(100))
  await expectDelivered(duo)
  const { sentBytes, receivedBytes } = channel.stats()
  const packets = { up: `mup\t"${"y".repeat(100)}"`.length, down: `mdown\t"xxxxx"`.length }
  // Beside the packet: positions, probes and acks, of a few bytes each.
  expect(sentBytes - before.sentBytes).toBeGreaterThanOrEqual(packets.up)
  expect(sentBytes - before.sentBytes).toBeLessThan(packets.up + 40)
  expect(receivedBytes - before.receivedBytes).toBeGreaterThanOrEqual(packets.down)
  expect(receivedBytes - before.receivedBytes).toBeLessThan(packets.down + 40)
})

it("a channel's stats count a return to the session, and what is sent again for it", async () => {
  const duo = await createDuo(TWO)
  const { channel, network, runtime } = duo
  const heard: unknown[] = []
  duo.hub.on("say", (text) => void heard.push(text))
  for (let n = 0; n < 5; n++) channel.send("say", n)
  await runtime.pass(5) // on their way
  network.cut()
  await runtime.passUntil(() => channel.status === "open" && channel.bufferedBytes === 0, 10_000)
  expect(heard).toEqual([0, 1, 2, 3, 4])
  expect(channel.stats()).toMatchObject({ sent: 5, replayed: 5, resumed: 1, resets: 0 })
})

it("a channel's stats count a session that could not go on, and no return to it", async () => {
  const duo = await createDuo(TWO)
  duo.crashHub()
  duo.startHub()
  await duo.runtime.passUntil(() => duo.channel.status !== "open", 10_000)
  await duo.runtime.passUntil(() => duo.channel.status === "open", 10_000)
  expect(duo.channel.stats()).toMatchObject({ status: "open", resumed: 0, resets: 1 })
})

it("a change of transport while a link works is no return", async () => {
  const runtime = createVirtualRuntime()
  const network = createNetwork({ runtime })
  const names = ["websocket", "sse"]
  createHub({ runtime, transports: names.map((name) => network.acceptor(name)) })
  network.block("websocket")
  const transports = names.map((name) => network.dialer(name))
  const channel = createChannel("http://hub", { runtime, transports, reprobeMs: [3_000] })
  await runtime.pass(1_000)
  expect(channel.stats()).toMatchObject({ status: "open", transport: "sse" })
  network.heal()
  await runtime.pass(10_000)
  expect(channel.stats()).toMatchObject({ transport: "websocket", resumed: 0, resets: 0 })
  expect(channel.stats().incidents).toMatchObject({ "took-over": 2 })
})

it("a channel's stats count incidents by kind, as onIncident is told them", async () => {
  const runtime = createVirtualRuntime()
  const network = createNetwork({ runtime })
  const names = ["websocket", "sse"]
  createHub({ runtime, transports: names.map((name) => network.acceptor(name)) })
  network.block("websocket")
  const channel = createChannel("http://hub", { runtime, transports: names.map((name) => network.dialer(name)) })
  const told: string[] = []
  channel.onIncident(({ transport, what, closing }) => told.push(`${transport} ${what} ${closing?.code ?? ""}`.trim()))
  await runtime.pass(1_000)
  expect(told).toEqual(["websocket dialed", "websocket closed refused", "sse dialed", "sse welcomed", "sse took-over"])
  expect(channel.stats().incidents).toEqual({ dialed: 2, closed: 1, welcomed: 1, "took-over": 1 })
  expect(channel.stats().lastClosing.code).toBe("refused")
})

it("a listener of onIncident may close the channel, and what it throws goes to onError", async () => {
  const duo = await createDuo({ transports: ["websocket"] })
  const errors: unknown[] = []
  duo.channel.onError((error, stage) => void errors.push([error, stage]))
  duo.channel.onIncident(({ what }) => {
    if (what !== "closed") return
    void duo.channel.close()
    throw new Error("the listener's own")
  })
  duo.network.cut()
  await duo.runtime.pass(1_000)
  expect(duo.channel.status).toBe("closed")
  expect(errors).toEqual([[new Error("the listener's own"), "listener"]])
})

it("a channel's stats are a snapshot", async () => {
  const duo = await createDuo(TWO)
  const before = duo.channel.stats()
  const copy = structuredClone(before)
  duo.network.cut()
  for (let n = 0; n < 3; n++) duo.channel.send("price", n, { latest: "EUR" })
  await expectDelivered(duo)
  expect(before).toEqual(copy)
  expect(duo.channel.stats()).toMatchObject({ dropped: { latest: 2 }, resumed: 1 })
})

it("the stats of a closed channel tell why, and what it had not got through", async () => {
  const duo = await createDuo({ ...TWO, hub: { authenticate: () => ({ id: "u" }) } })
  duo.channel.send("say", 1)
  void duo.channel.close({ flushMs: 0 })
  await duo.runtime.pass(5_000)
  expect(duo.channel.stats()).toMatchObject({ status: "closed", transport: undefined, lastClosing: { code: "closed" } })
})
