import { msgpack } from "everwire/msgpack"
import { json } from "everwire/server"
import { expect, it } from "vitest"
import { SOON_MS, world } from "./world.ts"

it("reach the peers of every process once", async () => {
  const { at, person, runtime } = await world({ processes: 3 })
  const [ann, bob, cid] = [await person(0, "ann", ["a"]), await person(1, "bob", ["a"]), await person(2, "cid")]
  at(0).hub.to("a").send("word", "to a")
  at(1).hub.send("word", "to all")
  await runtime.pass(SOON_MS)
  expect(ann.heard).toEqual(["to a", "to all"])
  expect(bob.heard.toSorted()).toEqual(["to a", "to all"])
  expect(cid.heard).toEqual(["to all"])
})

it("go to several rooms once for each peer, although a process hears them on several topics", async () => {
  const { at, person, runtime } = await world({ processes: 2 })
  const ann = await person(1, "ann", ["a", "b"])
  const bob = await person(1, "bob", ["b"])
  at(0).hub.to("a", "b").send("word", 1)
  at(0).hub.to("a", "b", "a").send("word", 2)
  await runtime.pass(SOON_MS)
  expect([ann.heard, bob.heard]).toEqual([
    [1, 2],
    [1, 2],
  ])
  expect(at(1).hub.stats().cluster?.heard).toBe(2)
})

it("keep the order in which a process sent them, whatever the rooms", async () => {
  const { at, person, runtime } = await world({ processes: 2, jitterMs: 20 })
  const ann = await person(1, "ann", ["a", "b"])
  const { hub } = at(0)
  for (let n = 0; n < 40; n += 4) {
    hub.to("a").send("word", n)
    hub.send("word", n + 1)
    hub.to("b").send("word", n + 2)
    hub.to("b", "a").send("word", n + 3)
    if (n % 8 === 0) await runtime.pass(3)
  }
  await runtime.pass(SOON_MS)
  expect(ann.heard).toEqual(Array.from({ length: 40 }, (_, n) => n))
})

it("of one tick that go to the same rooms are published together", async () => {
  const { at, person, runtime } = await world({ processes: 2 })
  const ann = await person(1, "ann", ["a"])
  const published: string[] = []
  const { end, hub } = at(0)
  const publish = end.publish.bind(end)
  end.publish = (topic, data) => {
    if (topic.startsWith("everwire.room.")) published.push(topic)
    publish(topic, data)
  }
  for (let n = 0; n < 16; n++) hub.to("a").send("word", n)
  await runtime.pass(SOON_MS)
  expect(published).toEqual(["everwire.room.a"])
  expect(ann.heard).toHaveLength(16)
})

it("leave out the members of a room in every process, and the peer itself", async () => {
  const { at, person, runtime } = await world({ processes: 2 })
  const ann = await person(0, "ann", ["a"])
  const bob = await person(1, "bob", ["a", "muted"])
  const cid = await person(1, "cid", ["a"])
  at(0).hub.to("a").except("muted", ann.peer).send("word", 1)
  await runtime.pass(SOON_MS)
  expect([ann.heard, bob.heard, cid.heard]).toEqual([[], [], [1]])
})

it("of hub.local stay in the process", async () => {
  const { at, person, runtime } = await world({ processes: 2 })
  const ann = await person(0, "ann", ["a"])
  const bob = await person(1, "bob", ["a"])
  at(0).hub.local.send("word", 1)
  at(0).hub.local.to("a").send("word", 2)
  await runtime.pass(SOON_MS)
  expect([ann.heard, bob.heard]).toEqual([[1, 2], []])
})

it("arrive whatever the name of the room", async () => {
  const { at, person, runtime } = await world({ processes: 2 })
  const rooms = [
    "",
    " ",
    "a b",
    "*",
    ">",
    "a.b",
    "ü€😀",
    "\ud800",
    "x".repeat(500),
    `${"x".repeat(499)}y`,
    "a=20:b",
    "=",
    "\n",
  ]
  const ann = await person(1, "ann", rooms)
  for (const room of rooms) at(0).hub.to(room).send("word", rooms.indexOf(room))
  at(0).hub.to("nobody").send("word", "nobody")
  await runtime.pass(SOON_MS)
  expect(ann.heard).toEqual(rooms.map((_, index) => index))
})

it("are not mixed up between two rooms that have one topic", async () => {
  const { at, person, runtime } = await world({ processes: 2 })
  const ann = await person(1, "ann", ["a b"])
  const bob = await person(1, "bob", ["a=20:b"])
  at(0).hub.to("a b").send("word", 1)
  at(0).hub.to("a=20:b").send("word", 2)
  await runtime.pass(SOON_MS)
  expect([ann.heard, bob.heard]).toEqual([[1], [2]])
})

it("come by the codec of each peer", async () => {
  const { at, person, runtime } = await world({ processes: 2, hub: { codecs: [json, msgpack()] } })
  const ann = await person(1, "ann", ["a"], msgpack())
  const bob = await person(1, "bob", ["a"])
  // Nobody uses msgpack in the process that sends.
  at(0).hub.to("a").send("word", { n: 1 })
  at(0).hub.send("word", [2])
  await runtime.pass(SOON_MS)
  expect(ann.heard).toEqual([{ n: 1 }, [2]])
  expect(bob.heard).toEqual([{ n: 1 }, [2]])
})

it("come by the codec of each peer from a process that does not have it yet", async () => {
  const codecs = [[json], [json, msgpack()]]
  const { at, person, runtime } = await world({ processes: 2, hubAt: (n) => ({ codecs: codecs[n] }) })
  const ann = await person(1, "ann", ["a"], msgpack())
  at(0).hub.to("a").send("word", { n: 1 })
  await runtime.pass(SOON_MS)
  expect(ann.heard).toEqual([{ n: 1 }])
})

it("that one codec cannot carry are sent to nobody in any process", async () => {
  const { at, person, runtime } = await world({ processes: 2, hub: { codecs: [msgpack(), json] } })
  const ann = await person(0, "ann", ["a"], msgpack())
  const bob = await person(1, "bob", ["a"])
  expect(() => at(0).hub.to("a").send("word", new Date(0))).toThrow(
    expect.objectContaining({ code: "payload-unsupported" }),
  )
  await runtime.pass(SOON_MS)
  expect([ann.heard, bob.heard]).toEqual([[], []])
})

it("keep their delivery class, and their age rather than a moment", async () => {
  const { at, person, runtime } = await world({ processes: 2, delayMs: 50 })
  const ann = await person(1, "ann", ["a"])
  const { network } = at(1)
  network.block()
  network.cut()
  await runtime.pass(10)
  const room = at(0).hub.to("a")
  room.send("word", "volatile", { volatile: true })
  room.send("word", "old", { ttlMs: 30 })
  room.send("word", "first", { latest: "k" })
  await runtime.pass(60)
  room.send("word", "last", { latest: "k" })
  room.send("word", "reliable")
  await runtime.pass(SOON_MS)
  network.heal()
  await runtime.pass(10_000)
  expect(ann.heard).toEqual(["last", "reliable"])
  expect(at(1).hub.stats().dropped).toEqual({ volatile: 1, latest: 1, ttl: 1, full: 0 })
})

it("of a moment replace each other before they are published", async () => {
  const { at, person, runtime } = await world({ processes: 2 })
  const ann = await person(1, "ann", ["a"])
  for (let n = 0; n < 5; n++) at(0).hub.to("a").send("word", n, { latest: "k" })
  at(0).hub.to("a").send("word", "other", { latest: "l" })
  await runtime.pass(SOON_MS)
  expect(ann.heard).toEqual([4, "other"])
  expect(at(0).hub.stats().cluster?.published).toBe(2)
})
