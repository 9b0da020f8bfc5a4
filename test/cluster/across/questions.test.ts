import { cluster } from "everwire/cluster"
import { createHub } from "everwire/server"
import { expect, it } from "vitest"
import { SOON_MS, world } from "./world.ts"

it("describe the peers of a room in every process", async () => {
  const { at, person, settled } = await world({ processes: 3 })
  const ann = await person(0, "ann", ["a", "b"])
  await person(1, "bob", ["b"])
  await person(1, "cid")
  const peers = await settled(at(2).hub.peersIn("a", "b"))
  const [{ hub: first }, { hub: second }] = [at(0), at(1)]
  expect(peers.map(({ hub, principal, rooms }) => [hub, principal.id, rooms])).toEqual([
    [first.id, "ann", ["a", "b"]],
    [second.id, "bob", ["b"]],
  ])
  expect(peers[0]).toMatchObject({ id: ann.peer.id, connected: true, transport: "websocket" })
  expect(await settled(at(0).hub.peersIn("a"))).toHaveLength(1)
  expect(at(0).hub.local.peersIn("a")).toEqual([ann.peer])
  expect(at(2).hub.local.peersIn("a", "b")).toEqual([])
})

it("disconnect a principal and a peer wherever they are, and count them", async () => {
  const { at, person, settled } = await world({ processes: 3 })
  const [one, other] = [await person(0, "ann"), await person(1, "ann")]
  const bob = await person(2, "bob")
  expect(await settled(at(1).hub.disconnect({ principal: "ann" }, { reason: "bye" }))).toBe(2)
  expect([one.peer.closed, other.peer.closed, bob.peer.closed]).toEqual([true, true, false])
  expect(await settled(at(0).hub.disconnect({ peer: bob.peer.id }))).toBe(1)
  expect(bob.channel.status).toBe("closed")
})

it("closes those of the own process when the call returns", async () => {
  const { at, person, settled } = await world({ processes: 2 })
  const ann = await person(0, "ann")
  const asked = at(0).hub.disconnect({ principal: "ann" })
  expect(ann.peer.closed).toBe(true)
  expect(await settled(asked)).toBe(1)
})

it("do not take a function, which hub.local does", async () => {
  const { at, person } = await world({ processes: 2 })
  const [ann, bob] = [await person(0, "ann"), await person(1, "bob")]
  const all = (): boolean => true
  expect(() => at(0).hub.disconnect(all)).toThrow("hub.local.disconnect")
  expect(at(0).hub.local.disconnect(all)).toBe(1)
  expect([ann.peer.closed, bob.peer.closed]).toEqual([true, false])
})

it("put the peers of a room into another one and take them out, before what is sent next", async () => {
  const { at, bus, person, settled, runtime } = await world({ processes: 3, jitterMs: 30 })
  const ann = await person(0, "ann", ["a"])
  const bob = await person(1, "bob", ["a"])
  const cid = await person(2, "cid", ["a", "quiet"])
  const { hub } = at(0)
  bus.slowStore(100)
  expect(await settled(hub.to("a").except("quiet").join("b"))).toBe(2)
  hub.to("b").send("word", 1)
  at(2).hub.to("b").send("word", 2)
  await runtime.pass(SOON_MS)
  expect([ann.heard.toSorted(), bob.heard.toSorted(), cid.heard]).toEqual([[1, 2], [1, 2], []])
  expect(await settled(hub.to("a", "b").leave("b"))).toBe(2)
  hub.to("b").send("word", 3)
  expect(await settled(hub.to("a").disconnect())).toBe(3)
  expect([ann.heard, bob.heard].flat()).not.toContain(3)
})

it("respect permitJoin of the hub that has the peer", async () => {
  const { at, person, settled } = await world({
    processes: 2,
    hub: { permitJoin: ({ peer, room }) => room === "a" || peer.principal.id === "ann" },
  })
  const ann = await person(1, "ann", ["a"])
  const bob = await person(1, "bob", ["a"])
  expect(await settled(at(0).hub.to("a").join("b"))).toBe(1)
  expect([ann.peer.rooms.has("b"), bob.peer.rooms.has("b")]).toEqual([true, false])
})

it("reject with the hubs that did not answer, and what the others answered", async () => {
  const { at, person, settled, runtime } = await world({ processes: 3 })
  await person(1, "ann", ["a"])
  await person(2, "bob", ["a"])
  at(2).machine.sleep()
  const asked = at(0).hub.peersIn("a")
  await runtime.pass(4_000)
  await expect(settled(asked)).rejects.toMatchObject({
    code: "backplane-unavailable",
    retryable: true,
    data: { missing: [at(2).hub.id], count: 1, peers: [{ principal: { id: "ann" } }] },
  })
})

it("do not wait for a process that is gone", async () => {
  const { at, settled, runtime, person } = await world({ processes: 3 })
  await person(1, "ann", ["a"])
  at(2).machine.halt()
  await runtime.pass(10_000)
  expect(await settled(at(0).hub.peersIn("a"))).toHaveLength(1)
})

it("do not wait for a process that leaves meanwhile", async () => {
  const { at, settled, runtime } = await world({ processes: 2, delayMs: 20 })
  const asked = at(0).hub.peersIn("a")
  at(1).machine.sleep()
  void at(1).hub.close()
  at(1).machine.wake()
  await runtime.pass(SOON_MS)
  expect(await settled(asked)).toEqual([])
})

it("reject at once while the store is away, and the own process has done it", async () => {
  const { at, person, settled, runtime, bus } = await world({ processes: 2 })
  const ann = await person(0, "ann", ["a"])
  bus.stop()
  await runtime.pass(10)
  const before = runtime.now()
  await expect(settled(at(0).hub.to("a").disconnect())).rejects.toMatchObject({ code: "backplane-unavailable" })
  expect([ann.peer.closed, runtime.now() - before]).toEqual([true, 0])
})

it("of a hub that has only just begun wait until it knows the others", async () => {
  const { at, person, settled } = await world({ processes: 2 })
  await person(1, "ann", ["a"])
  const { machine, end } = at(0)
  const hub = createHub({ runtime: machine, cluster: cluster(end), transports: ["sse"] })
  expect(await settled(hub.peersIn("a"))).toHaveLength(1)
})

it("of a hub without a cluster concern its own peers", async () => {
  const { at, person, settled } = await world({ processes: 1, alone: true })
  const ann = await person(0, "ann", ["a"])
  const { hub } = at(0)
  expect(await settled(hub.peersIn("a"))).toMatchObject([{ id: ann.peer.id, hub: hub.id }])
  expect(await settled(hub.to("a").join("b"))).toBe(1)
  expect(hub.local.to("b").leave("b")).toBe(1)
  expect(await settled(hub.to("a").disconnect())).toBe(1)
  expect(hub.stats().cluster).toBeUndefined()
})

it("with a principal that is no plain data are answered with an error that says so", async () => {
  const { at, person, settled } = await world({
    processes: 2,
    hub: { authenticate: () => ({ id: "ann", ask: () => 1 }) },
  })
  await person(1, "ann", ["a"])
  await expect(settled(at(0).hub.peersIn("a"))).rejects.toMatchObject({ code: "payload-unsupported" })
})
