import type { Channel } from "everwire"
import { createHub, type Peer } from "everwire/server"
import { describe, expect, it } from "vitest"
import { countTo, createWorld, type Process, type World } from "../support.ts"

/** What one channel and the hubs of a durable cluster have said and heard. */
interface Talk {
  /** Numbers that came up, with the id of their message. */
  readonly up: [number: number, id: string][]
  readonly down: number[]
  saidUp: number
  readonly resets: unknown[]
  readonly begun: [index: number, moved: boolean, peer: Peer][]
}

/** Each number that comes up is answered by the same one down. */
function listenTo({ hub }: Process, index: number, talk: Talk): void {
  hub.onPeer((peer, { moved }) => talk.begun.push([index, moved, peer]))
  hub.on("up", (data, peer) => {
    talk.up.push([data as number, peer.messageId]) // the test sends numbers alone
    peer.send("down", data)
  })
}

function startTalk(world: World, channel: Channel): Talk {
  const talk: Talk = { up: [], down: [], saidUp: 0, resets: [], begun: [] }
  for (const [index, process] of world.processes.entries()) listenTo(process, index, talk)
  channel.on("down", (data) => talk.down.push(data as number)) // as above
  channel.onReset((reset) => talk.resets.push(reset))
  return talk
}

async function sayEach(world: World, channel: Channel, talk: Talk, ms: number, times: number): Promise<void> {
  for (let at = 0; at < times; at++) {
    channel.send("up", talk.saidUp++)
    await world.runtime.pass(ms)
  }
}

async function begin(count: number, options = {}): Promise<[World, Talk, Channel]> {
  const world = await createWorld(count, { durable: true, ...options })
  world.reach(0)
  const channel = world.dial()
  const talk = startTalk(world, channel)
  await world.runtime.pass(100)
  await sayEach(world, channel, talk, 5, 20)
  expect(owners(world)).toEqual([0])
  return [world, talk, channel]
}

function owners({ processes }: World): number[] {
  return processes.flatMap(({ hub, machine }, index) => (hub.peers.size > 0 && !machine.halted ? [index] : []))
}

/** Down once each and in order; up at least once each, and what came twice had the same id. */
function expectKept(talk: Talk): void {
  expect(talk.resets).toEqual([])
  expect(talk.down).toEqual(countTo(talk.saidUp))
  const ids = new Map<number, string>()
  for (const [number, id] of talk.up) {
    expect(ids.get(number) ?? id).toBe(id)
    ids.set(number, id)
  }
  expect([...ids.keys()]).toEqual(countTo(talk.saidUp))
  expect(new Set(ids.values()).size).toBe(ids.size)
}

function failures({ processes }: World): unknown[] {
  return processes.flatMap(({ failures, machine }) => (machine.halted ? [] : failures))
}

describe("a durable hub", () => {
  it("carries messages both ways, each once and in order", async () => {
    const [world, talk, channel] = await begin(2)
    await sayEach(world, channel, talk, 3, 50)
    await world.runtime.pass(500)
    expectKept(talk)
    expect(talk.up.length).toBe(talk.saidUp)
    expect(failures(world)).toEqual([])
  })

  it("is followed by another one when it dies while both sides talk", async () => {
    const [world, talk, channel] = await begin(2)
    await sayEach(world, channel, talk, 1, 30)
    world.processes[0]?.kill()
    world.reach(1)
    await sayEach(world, channel, talk, 100, 100)
    await world.runtime.pass(2_000)
    expectKept(talk)
    expect(owners(world)).toEqual([1])
    expect(talk.begun.map(([index, moved]) => [index, moved])).toEqual([
      [0, false],
      [1, true],
    ])
    expect(talk.begun[1]?.[2].id).toBe(talk.begun[0]?.[2].id)
    expect(failures(world)).toEqual([])
  })

  it("acknowledges and sends nothing that the store does not have", async () => {
    const [world, talk, channel] = await begin(2)
    await world.runtime.pass(200)
    world.bus.slowStore(400)
    channel.send("up", talk.saidUp++)
    await world.runtime.pass(300)
    expect(talk.up.length).toBe(21)
    expect(talk.down.length).toBe(20)
    await world.runtime.pass(500)
    expect(talk.down.length).toBe(21)
  })

  it("goes on elsewhere although its process only slept, which does nothing more when it wakes up", async () => {
    const [world, talk, channel] = await begin(2)
    const [first] = world.processes
    const heard: unknown[] = []
    first?.hub.on("up", (data) => heard.push(data))
    channel.send("up", talk.saidUp++)
    first?.machine.sleep()
    world.reach(1)
    await sayEach(world, channel, talk, 100, 100)
    expect(owners(world)).toEqual([0, 1])
    heard.length = 0
    const sent = talk.down.length
    talk.begun[0]?.[2].send("down", -1)
    first?.machine.wake()
    await world.runtime.pass(5_000)
    expect(heard).toEqual([])
    expect(talk.down.slice(sent)).not.toContain(-1)
    expect(owners(world)).toEqual([1])
    expectKept(talk)
    expect(first?.hub.stats().ended).toEqual({ moved: 1 })
  })

  it("pauses while the store is away, says so, and goes on by itself", async () => {
    const [world, talk, channel] = await begin(2)
    world.bus.stop()
    await sayEach(world, channel, talk, 100, 50)
    expect(channel.status).toBe("reconnecting")
    const closings = channel.explain().incidents.flatMap(({ closing }) => (closing ? [closing.code] : []))
    expect(closings).toContain("backplane-unavailable")
    world.bus.start()
    await world.runtime.pass(10_000)
    expect(channel.status).toBe("open")
    expectKept(talk)
  })

  it("waits in the store when its hub closes and no other is there", async () => {
    const [world, talk, channel] = await begin(1)
    const [first] = world.processes
    channel.send("up", talk.saidUp++)
    const closed = first?.hub.close()
    await world.runtime.pass(200)
    await closed
    channel.send("up", talk.saidUp++)
    await world.runtime.pass(20_000)
    listenTo(world.start(), 1, talk)
    world.reach(1)
    await world.runtime.pass(40_000)
    expectKept(talk)
    expect(talk.begun.map(([index, moved]) => [index, moved])).toEqual([
      [0, false],
      [1, true],
    ])
  })

  it("is handed over when its hub drains, with its journal", async () => {
    const [world, talk, channel] = await begin(3)
    world.reach(undefined)
    const closed = world.processes[0]?.hub.close({ drainMs: 5_000 })
    await sayEach(world, channel, talk, 5, 100)
    await closed
    const [owner = -1] = owners(world)
    expect(owner).toBeGreaterThan(0)
    world.processes[owner]?.kill()
    world.reach(owner === 1 ? 2 : 1)
    await sayEach(world, channel, talk, 100, 100)
    await world.runtime.pass(2_000)
    expectKept(talk)
    expect(talk.up.length - talk.saidUp).toBeLessThan(5)
  })

  it("keeps rooms, the principal and data, and answers open requests with node-lost", async () => {
    const [world, talk, channel] = await begin(2, { authenticate: () => ({ id: "ann", role: "host" }) })
    const peer = talk.begun[0]?.[2]
    peer?.join("den")
    world.processes[0]?.hub.handle("slow", () => new Promise(() => {}))
    const answer = channel.request("slow", 1, { timeoutMs: 60_000 }).catch((error: { code: string }) => error.code)
    await world.runtime.pass(200)
    // Each without anything that is sent or heard.
    peer?.join("hall")
    await world.runtime.pass(20)
    peer?.leave("den")
    await world.runtime.pass(20)
    if (peer) peer.data = { level: 3 }
    await world.runtime.pass(20)
    world.processes[0]?.kill()
    world.reach(1)
    await world.runtime.pass(15_000)
    const moved = talk.begun[1]?.[2]
    expect([...(moved?.rooms ?? [])]).toEqual(["hall"])
    expect(moved?.principal).toEqual({ id: "ann", role: "host" })
    expect(moved?.data).toEqual({ level: 3 })
    expect(await answer).toBe("node-lost")
  })

  it("keeps what may be dropped and waits for a slow link", async () => {
    const [world, talk, channel] = await begin(2)
    const prices: unknown[] = []
    channel.on("price", (data) => prices.push(data))
    world.cut()
    world.reach(5) // nowhere
    await world.runtime.pass(50)
    const peer = talk.begun[0]?.[2]
    for (let at = 0; at < 10; at++) peer?.send("price", at, { latest: "EUR" })
    await world.runtime.pass(50)
    world.processes[0]?.kill()
    world.reach(1)
    await world.runtime.pass(20_000)
    expect(prices).toEqual([9])
    expectKept(talk)
  })

  it("begins another log when one is long, and drops those that nobody needs", async () => {
    const [world, talk, channel] = await begin(2)
    await sayEach(world, channel, talk, 2, 2_600)
    const first = `everwire.journal.${world.processes[0]?.hub.id}:1.1`
    expect(await entries(world, first)).toBe(0)
    world.processes[0]?.kill()
    world.reach(1)
    await sayEach(world, channel, talk, 100, 100)
    await world.runtime.pass(2_000)
    expectKept(talk)
    const [hub] = [world.processes[0]?.hub.id ?? ""]
    const left: number[] = []
    for (const log of [1, 2, 3]) left.push(await entries(world, `everwire.journal.${hub}:1.${log}`))
    expect(left).toEqual([0, 0, 0])
  })

  it("does not begin without a cluster", () => {
    expect(() => createHub({ durable: true })).toThrow(expect.objectContaining({ code: "misuse" }))
  })
})

async function entries({ runtime, processes }: World, log: string): Promise<number> {
  let count = -1
  const asked = processes[1]?.backplane.entries(log).then((found) => {
    count = found.length
  })
  await runtime.pass(10)
  await asked
  return count
}
