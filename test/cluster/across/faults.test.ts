import { decode, encode } from "@msgpack/msgpack"
import { cluster } from "everwire/cluster"
import { createHub } from "everwire/server"
import { expect, it } from "vitest"
import { SOON_MS, world } from "./world.ts"

it("messages wait while the store is away, and are sent when it is back", async () => {
  const { at, person, runtime, bus } = await world({ processes: 2 })
  const [ann, bob] = [await person(0, "ann", ["a"]), await person(1, "bob", ["a"])]
  bus.stop()
  await runtime.pass(10)
  const room = at(0).hub.to("a")
  room.send("word", 1)
  room.send("word", "volatile", { volatile: true })
  room.send("word", "old", { ttlMs: 100 })
  at(0).hub.send("word", 2)
  await runtime.pass(1_000)
  expect([ann.heard, bob.heard]).toEqual([[1, "volatile", "old", 2], []])
  bus.start()
  await runtime.pass(SOON_MS)
  expect(bob.heard).toEqual([1, 2])
  expect(at(0).hub.stats().cluster).toMatchObject({ published: 2, unpublished: 1, lost: 1 })
})

it("of what waits for the store the oldest is dropped above the bound, which is told once", async () => {
  const { at, person, runtime, bus } = await world({ processes: 2 })
  const bob = await person(1, "bob", ["a"])
  bus.stop()
  await runtime.pass(10)
  const { hub, errors } = at(0)
  const text = "x".repeat(1_000_000)
  for (let n = 0; n < 12; n++) hub.to("a").send("word", n + text)
  expect(hub.stats().cluster?.unpublished).toBe(4)
  expect(errors).toMatchObject([{ code: "backplane-unavailable" }])
  bus.start()
  await runtime.pass(5_000)
  expect(bob.heard.map((data) => Number.parseInt(String(data), 10))).toEqual([4, 5, 6, 7, 8, 9, 10, 11])
})

it("a peer hears what is sent to its room once its process has subscribed, and the peers of the sender hear all", async () => {
  const { at, person, runtime, bus } = await world({ processes: 2 })
  const [ann, bob] = [await person(0, "ann"), await person(1, "bob")]
  bus.slowStore(100)
  ann.peer.join("a")
  bob.peer.join("a")
  at(0).hub.to("a").send("word", "early")
  await runtime.pass(150)
  at(0).hub.to("a").send("word", "late")
  await runtime.pass(SOON_MS)
  expect([ann.heard, bob.heard]).toEqual([["early", "late"], ["late"]])
})

it("messages that are sent all the while are heard without a gap once the first was heard", async () => {
  const { at, person, runtime } = await world({ processes: 2, jitterMs: 10 })
  const bob = await person(1, "bob")
  for (let n = 0; n < 100; n++) {
    at(0).hub.to("a").send("word", n)
    if (n === 20) bob.peer.join("a")
    if (n === 50) bob.peer.leave("a")
    if (n === 52) bob.peer.join("a")
    await runtime.pass(2)
  }
  await runtime.pass(SOON_MS)
  const gaps = bob.heard.slice(1).filter((n, at) => Number(n) !== Number(bob.heard[at]) + 1)
  expect(bob.heard.length).toBeGreaterThan(60)
  expect(gaps.length).toBeLessThanOrEqual(1)
})

it("a room whose subscription fails is subscribed to again, and the fault is told", async () => {
  const { at, person, runtime, bus } = await world({ processes: 2 })
  const bob = await person(1, "bob")
  bus.stop()
  await runtime.pass(10)
  bob.peer.join("a")
  await runtime.pass(500)
  expect(at(1).errors).toMatchObject([{ code: "backplane-unavailable" }])
  bus.start()
  await runtime.pass(3_000)
  at(0).hub.to("a").send("word", 1)
  await runtime.pass(SOON_MS)
  expect(bob.heard).toEqual([1])
})

it("a process unsubscribes a second after its last member left", async () => {
  const { at, person, runtime } = await world({ processes: 2 })
  const bob = await person(1, "bob", ["a"])
  bob.peer.leave("a")
  await runtime.pass(900)
  at(0).hub.to("a").send("word", 1)
  await runtime.pass(10)
  expect(at(1).hub.stats().cluster?.heard).toBe(1)
  await runtime.pass(200)
  at(0).hub.to("a").send("word", 2)
  await runtime.pass(SOON_MS)
  expect(at(1).hub.stats().cluster?.heard).toBe(1)
})

it("a process stays subscribed when a member comes back in that second", async () => {
  const { at, person, runtime } = await world({ processes: 2 })
  const bob = await person(1, "bob", ["a"])
  bob.peer.leave("a")
  await runtime.pass(500)
  bob.peer.join("a")
  at(0).hub.to("a").send("word", 1)
  await runtime.pass(2_000)
  at(0).hub.to("a").send("word", 2)
  await runtime.pass(SOON_MS)
  expect(bob.heard).toEqual([1, 2])
})

it("what is sent before the process has joined the others waits for that", async () => {
  const { at, person, runtime } = await world({ processes: 2 })
  const bob = await person(1, "bob", ["a"])
  const hub = createHub({ runtime: at(0).machine, cluster: cluster(at(0).end), transports: ["sse"] })
  hub.to("a").send("word", 1)
  await runtime.pass(SOON_MS)
  expect(bob.heard).toEqual([1])
})

it("frames of another version, and broken ones, are counted and ignored", async () => {
  const { at, person, runtime } = await world({ processes: 2 })
  const bob = await person(1, "bob", ["a"])
  const frames: Uint8Array[] = []
  const { end, hub } = at(0)
  const stop = await (async () => {
    const subscribing = end.subscribe("everwire.all", (data) => frames.push(data))
    await runtime.pass(10)
    return subscribing
  })()
  hub.send("word", 1)
  await runtime.pass(SOON_MS)
  stop()
  const [good] = frames
  const [, kind, json, parts] = decode(good ?? new Uint8Array()) as [number, string, string, unknown[]]
  const fields = JSON.parse(json)
  const bad: unknown[] = [
    [2, kind, json, parts],
    [1, "gossip", json, parts],
    [1, "constructor", json, parts],
    [1, kind, "{", parts],
    [1, kind, JSON.stringify({ ...fields, from: 7 }), parts],
    [1, kind, JSON.stringify({ ...fields, rooms: "a" }), parts],
    [1, kind, JSON.stringify({ ...fields, items: [null] }), parts],
    [1, kind, json, []],
    [1, kind, json, ["mword\t1\nmword\t2"]],
    [1, kind, json, ["x"]],
    [1, "question", JSON.stringify({ from: "x", id: 1, selection: {}, task: { what: "describe" } }), []],
    [
      1,
      "question",
      JSON.stringify({ from: "x", id: 1, selection: { except: [], rooms: ["a"] }, task: { what: "sing" } }),
      [],
    ],
    [1, "answer", JSON.stringify({ from: "x", id: "1" }), []],
    [1, "reached", JSON.stringify({ from: "x", count: "many" }), []],
    "text",
    null,
  ]
  for (const frame of bad) end.publish("everwire.all", encode(frame))
  end.publish("everwire.all", new Uint8Array())
  await runtime.pass(SOON_MS)
  expect(at(1).hub.stats().cluster).toMatchObject({ heard: 1, ignored: bad.length + 1 })
  expect([bob.heard, at(1).errors]).toEqual([[1], []])
})

it("the loss of the connection, and its return, are told to the observer", async () => {
  const told: unknown[] = []
  const observer = { clusterConnection: (event: object) => void told.push(event) }
  const { at, runtime, bus } = await world({ processes: 1, hub: { observer } })
  const { hub } = at(0)
  bus.stop()
  await runtime.pass(10)
  bus.start()
  await runtime.pass(10)
  expect(told).toEqual([true, false, true].map((connected) => ({ hub: hub.id, connected })))
})
