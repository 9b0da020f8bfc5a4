import { describe, expect, it } from "vitest"
import { countTo, createWorld, startFlow, type World } from "./support.ts"

/** The indices of the processes that have a session. */
function owners({ processes }: World): number[] {
  return processes.flatMap(({ hub }, index) => (hub.peers.size > 0 ? [index] : []))
}

/**
 * A world whose first process has the session of a channel that has said one message, and whose second has its link. The next
 * dials reach the second too.
 */
async function createRelayed(count: number) {
  const world = await createWorld(count)
  world.reach(0)
  const channel = world.dial()
  const flow = startFlow(world, channel)
  flow.say()
  await world.runtime.pass(1_000)
  expect(owners(world)).toEqual([0])
  world.reach(1)
  world.cut()
  await world.runtime.pass(1_000)
  const { runtime, processes, bus } = world
  return { world, runtime, processes, bus, channel, flow }
}

describe("a link that reaches another process than its session", () => {
  it("carries the session on, in order and without a reset", async () => {
    const { world, runtime, channel, flow } = await createRelayed(2)
    for (let at = 0; at < 50; at++) {
      flow.say()
      await runtime.pass(20)
    }
    await runtime.pass(2_000)
    expect(channel.status).toBe("open")
    expect(owners(world)).toEqual([0])
    expect(flow.up).toEqual(countTo(51))
    expect(flow.down).toEqual(countTo(51).slice(1))
    expect(flow.resets).toEqual([])
    expect(world.processes.flatMap(({ failures }) => failures)).toEqual([])
  })

  it("loses, doubles and reorders nothing while every dial reaches the next of three processes", async () => {
    const world = await createWorld(3)
    const { runtime } = world
    const channel = world.dial()
    const flow = startFlow(world, channel)
    for (let at = 0; at < 400; at++) {
      flow.say()
      await runtime.pass(100)
      if (at % 50 === 39) world.cut()
    }
    await runtime.pass(5_000)
    expect(channel.status).toBe("open")
    expect(owners(world)).toHaveLength(1)
    expect(flow.up).toEqual(countTo(400))
    expect(flow.down).toEqual([...flow.down.keys()].map((at) => at + (400 - flow.down.length)))
    expect(flow.down.length).toBeGreaterThan(390)
    expect(flow.resets).toEqual([])
  })

  it("tells the owner when it ends, so that the resume window begins", async () => {
    const world = await createWorld(2, { resumeMs: 10_000 })
    const { runtime, processes } = world
    world.reach(0)
    const channel = world.dial()
    startFlow(world, channel).say()
    await runtime.pass(1_000)
    world.reach(1)
    world.cut()
    await runtime.passUntil(() => channel.status === "reconnecting", 1_000)
    await runtime.passUntil(() => channel.status === "open", 5_000)
    for (const { network } of processes) network.block("wire")
    world.cut()
    await runtime.pass(9_000)
    expect(owners(world)).toEqual([0])
    await runtime.pass(3_000)
    expect(owners(world)).toEqual([])
    await channel.close({ flushMs: 0 })
  })

  it("ends soon after the owner has died, and the channel is told that its session is gone", async () => {
    const { runtime, processes, channel, flow } = await createRelayed(3)
    flow.say()
    await runtime.pass(1_000)
    expect(flow.up).toEqual([0, 1])
    processes[0]?.kill()
    await runtime.pass(10_000)
    expect(flow.resets).toMatchObject([{ closing: { code: "session-unknown" } }])
    expect(channel.status).toBe("open")
  })

  it("ends at once after the owner has died, if the backplane notices that", async () => {
    const world = await createWorld(2)
    const { runtime, processes } = world
    world.reach(0)
    const channel = world.dial()
    const flow = startFlow(world, channel)
    await runtime.pass(1_000)
    world.reach(1)
    world.cut()
    await runtime.pass(1_000)
    processes[0]?.kill()
    processes[0]?.backplane.kill()
    await runtime.pass(500)
    expect(flow.resets).toMatchObject([{ closing: { code: "session-unknown" } }])
    expect(channel.status).toBe("open")
  })

  it("goes on when the owner's process has lost its connection and has it again", async () => {
    const world = await createWorld(2)
    const { runtime, processes } = world
    world.reach(0)
    const channel = world.dial()
    const flow = startFlow(world, channel)
    await runtime.pass(1_000)
    world.reach(1)
    world.cut()
    await runtime.pass(1_000)
    processes[0]?.backplane.cut()
    await runtime.pass(500)
    processes[0]?.backplane.mend()
    flow.say()
    await runtime.pass(30_000)
    expect(flow.resets).toEqual([])
    expect(flow.up).toEqual([0])
  })

  it("leaves nothing for its end when its hub has closed", async () => {
    const world = await createWorld(2)
    const { runtime, processes } = world
    const left: unknown[] = []
    void processes[1]?.backplane.subscribe("everwire.hubs", (data) => left.push(data))
    await processes[0]?.hub.close()
    await runtime.pass(100)
    const length = left.length
    processes[0]?.backplane.kill()
    await runtime.pass(100)
    expect(left).toHaveLength(length)
  })

  it("ends when its process dies, and the next link carries the session on", async () => {
    const { world, runtime, processes, flow } = await createRelayed(3)
    flow.say()
    await runtime.pass(500)
    world.reach(2)
    processes[1]?.kill()
    flow.say()
    await runtime.pass(5_000)
    expect(flow.up).toEqual([0, 1, 2])
    expect(flow.down).toEqual([1, 2])
    expect(flow.resets).toEqual([])
  })

  it("ends with the process of its session closing down, at once", async () => {
    const { runtime, processes, channel } = await createRelayed(2)
    const codes: unknown[] = []
    channel.onReset(({ closing }) => codes.push(closing.code))
    await processes[0]?.hub.close()
    await runtime.pass(4_000)
    expect(codes).toEqual(["hub-closing"])
    expect(channel.status).toBe("open")
    expect(processes[1]?.hub.peers.size).toBe(1)
  })
})

describe("the store is away", () => {
  it("a new channel is told so, and opens when it is there again", async () => {
    const world = await createWorld(2)
    const { runtime, bus } = world
    bus.stop()
    await runtime.pass(100)
    const channel = world.dial()
    const refused: string[] = []
    for (const { hub } of world.processes) hub.onRefused(({ code }) => refused.push(code))
    await runtime.pass(10_000)
    expect(channel.status).not.toBe("open")
    expect(new Set(refused)).toEqual(new Set(["backplane-unavailable"]))
    bus.start()
    await runtime.pass(40_000)
    expect(channel.status).toBe("open")
    await channel.close({ flushMs: 0 })
  })

  it("for long: relayed links end, their sessions wait, and go on with the next link when it is there again", async () => {
    const { runtime, bus, channel, flow } = await createRelayed(2)
    bus.stop()
    for (let at = 0; at < 20; at++) {
      flow.say()
      await runtime.pass(1_000)
    }
    bus.start()
    await runtime.pass(40_000)
    expect(channel.status).toBe("open")
    expect(flow.up).toEqual(countTo(21))
    expect(flow.down).toEqual(countTo(21).slice(1))
    expect(flow.resets).toEqual([])
    await channel.close({ flushMs: 0 })
  })

  it("for a moment: nothing is lost although what was under way is", async () => {
    const { runtime, bus, flow } = await createRelayed(2)
    for (let at = 0; at < 100; at++) {
      flow.say()
      if (at % 20 === 10) bus.stop()
      if (at % 20 === 14) bus.start()
      await runtime.pass(50)
    }
    await runtime.pass(10_000)
    expect(flow.up).toEqual(countTo(101))
    expect(flow.down).toEqual(countTo(101).slice(1))
    expect(flow.resets).toEqual([])
  })
})
