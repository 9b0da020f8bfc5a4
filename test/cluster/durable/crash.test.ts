import type { Channel } from "everwire"
import type { Peer } from "everwire/server"
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
})
