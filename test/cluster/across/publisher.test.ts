import { createPublisher } from "everwire/cluster"
import { contract, type Schema } from "everwire/contract"
import { msgpack } from "everwire/msgpack"
import { json } from "everwire/server"
import { expect, it } from "vitest"
import { KNOWN_MS, SOON_MS, world } from "./world.ts"

it("says and does what a hub could, without one", async () => {
  const { at, bus, runtime, person, settled } = await world({ processes: 2 })
  const ann = await person(0, "ann", ["a"])
  const bob = await person(1, "bob", ["a", "quiet"])
  const publisher = createPublisher(bus.end(), { runtime })
  publisher.send("word", 1)
  publisher.to("a").send("word", 2)
  publisher.to("a").except("quiet").send("word", 3, { latest: "k" })
  await runtime.pass(SOON_MS)
  expect([ann.heard, bob.heard]).toEqual([
    [1, 2, 3],
    [1, 2],
  ])
  const peers = await settled(publisher.peersIn("a"))
  expect(peers.map(({ principal }) => principal.id)).toEqual(["ann", "bob"])
  expect(await settled(publisher.to("a").except("quiet").join("b"))).toBe(1)
  expect(await settled(publisher.to("a").leave("b"))).toBe(1)
  expect(await settled(publisher.disconnect({ principal: "ann" }))).toBe(1)
  expect(await settled(publisher.to("a").disconnect())).toBe(1)
  expect([ann.peer.closed, bob.peer.closed]).toEqual([true, true])
  expect(at(0).hub.peers.size).toBe(0)
  await settled(publisher.close())
})

it("is no hub to the others, who do not wait for its answers", async () => {
  const { at, bus, runtime, person, settled } = await world({ processes: 2 })
  await person(1, "bob", ["a"])
  createPublisher(bus.end(), { runtime })
  await runtime.pass(KNOWN_MS)
  expect(await settled(at(0).hub.peersIn("a"))).toHaveLength(1)
})

it("publishes before it closes what was sent in the same tick, and takes nothing afterwards", async () => {
  const { bus, runtime, person, settled } = await world({ processes: 1 })
  const ann = await person(0, "ann", ["a"])
  const machine = runtime.machine()
  const publisher = createPublisher(bus.end(machine), { runtime: machine })
  publisher.to("a").send("word", 1)
  const closed = publisher.close()
  expect(() => publisher.send("word", 2)).toThrow(expect.objectContaining({ code: "misuse" }))
  await settled(closed)
  await runtime.pass(SOON_MS)
  expect(ann.heard).toEqual([1])
  await publisher.close()
  await expect(publisher.peersIn("a")).rejects.toMatchObject({ code: "misuse" })
  expect(machine.pending()).toBe(0)
})

it("says how many messages it could not publish when it closes, and keeps a bound of them meanwhile", async () => {
  const { bus, runtime, person, settled } = await world({ processes: 1 })
  const ann = await person(0, "ann", ["a"])
  bus.stop()
  const errors: unknown[] = []
  const publisher = createPublisher(bus.end(), { runtime, onError: (error) => errors.push(error) })
  await runtime.pass(10)
  for (let n = 0; n < 12; n++) publisher.to("a").send("word", "x".repeat(1_000_000))
  expect(errors).toMatchObject([{ code: "backplane-unavailable" }, { code: "backplane-unavailable" }])
  const closed = publisher.close()
  await expect(settled(closed)).rejects.toMatchObject({
    code: "backplane-unavailable",
    message: expect.stringContaining("8 messages"),
  })
  bus.start()
  await runtime.pass(5_000)
  expect(ann.heard).toEqual([])
})

it("tries again to join the others, and then sends what has waited", async () => {
  const { bus, runtime, person } = await world({ processes: 1 })
  const ann = await person(0, "ann", ["a"])
  bus.stop()
  const publisher = createPublisher(bus.end(), { runtime, onError() {} })
  publisher.to("a").send("word", 1)
  await runtime.pass(2_500)
  bus.start()
  await runtime.pass(2_000)
  expect(ann.heard).toEqual([1])
})

it("encodes by all codecs of the hubs, and checks by their contract", async () => {
  const word: Schema<number> = {
    "~standard": {
      version: 1,
      vendor: "test",
      validate: (value) => (typeof value === "number" ? { value } : { issues: [{ message: "no number" }] }),
    },
  }
  const chat = contract({ down: { word } })
  const codecs = [json, msgpack()]
  const { bus, runtime, person } = await world({ processes: 1, hub: { codecs } })
  const ann = await person(0, "ann", ["a"], msgpack())
  const publisher = createPublisher(bus.end(), { runtime, codecs, contract: chat })
  publisher.to("a").send("word", 1)
  // @ts-expect-error It is no number.
  expect(() => publisher.send("word", "one")).toThrow(expect.objectContaining({ code: "payload-invalid" }))
  await runtime.pass(SOON_MS)
  expect(ann.heard).toEqual([1])
})

it.each<[string, object]>([
  ["an unknown option", { codec: json }],
  ["a prefix that no topic can have", { prefix: "a b" }],
  ["a wrong type", { onError: "log" }],
])("refuses %s as misuse", async (_, options) => {
  const { bus } = await world({ processes: 0 })
  expect(() => createPublisher(bus.end(), options)).toThrow(expect.objectContaining({ code: "misuse" }))
})

it("refuses what is no backplane as misuse", () => {
  expect(() => createPublisher({} as never)).toThrow("createPublisher wants a backplane")
})
