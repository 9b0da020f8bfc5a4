import type { Channel } from "everwire"
import type { Peer } from "everwire/server"
import { describe, expect, it } from "vitest"
import { createWorld, helloOf, type World } from "../support.ts"

/** A world whose first process has a session, and what happens to that session. */
interface Scene {
  readonly world: World
  readonly channel: Channel
  readonly heard: unknown[]
  readonly resets: unknown[]
  /** The peer in the process that had the session last. */
  peer(): Peer
  /** Drains the first process and lets time pass until it has closed. */
  drain(drainMs?: number): Promise<void>
  /** Calls back when the session stands still, just before the store is asked to put another process in its place. */
  onStill(run: () => void): void
}

async function scene(): Promise<Scene> {
  const world = await createWorld(2)
  const [first] = world.processes
  if (first === undefined) throw new Error("no process")
  world.reach(0)
  const peers: Peer[] = []
  for (const { hub } of world.processes) hub.onPeer((peer) => void peers.push(peer))
  const channel = world.dial()
  const heard: unknown[] = []
  const resets: unknown[] = []
  channel.on("word", (data) => heard.push(data))
  channel.onReset((reset) => resets.push(reset))
  await world.runtime.pass(200)
  world.reach(1)
  return {
    world,
    channel,
    heard,
    resets,
    peer() {
      const peer = peers.at(-1)
      if (peer === undefined) throw new Error("no peer")
      return peer
    },
    async drain(drainMs = 10_000) {
      let isOver = false
      void first.hub.close({ drainMs }).then(() => {
        isOver = true
      })
      await world.runtime.passUntil(() => isOver, 60_000)
      expect(isOver).toBe(true)
    },
    onStill(run) {
      const { backplane } = first
      const { compareAndSet } = backplane
      let isFirst = true
      backplane.compareAndSet = (...args) => {
        if (isFirst) run()
        isFirst = false
        return compareAndSet.apply(backplane, args)
      }
    },
  }
}

describe("what an application does to a peer while its session stands still", () => {
  it("goes along: rooms, data and messages", async () => {
    const { world, peer, heard, onStill, drain, resets } = await scene()
    const before = peer()
    before.join("early")
    onStill(() => {
      before.join("late")
      before.leave("early")
      before.data = { kind: "late" }
      before.send("word", 1)
    })
    await drain()
    await world.runtime.pass(2_000)
    expect(peer()).not.toBe(before)
    expect([...peer().rooms]).toEqual(["late"])
    expect(peer().data).toEqual({ kind: "late" })
    expect(heard).toEqual([1])
    expect(resets).toEqual([])
  })

  it("goes along when a message takes the place of an older one", async () => {
    const { world, peer, heard, onStill, drain } = await scene()
    const before = peer()
    world.cut()
    world.reach(1)
    await world.runtime.pass(1)
    before.send("word", "old", { latest: "key" })
    onStill(() => before.send("word", "new", { latest: "key" }))
    await drain()
    await world.runtime.pass(2_000)
    expect(heard.at(-1)).toBe("new")
  })

  // After 900 ms the other process notices that something was lost before it is told again.
  it.each([900, 1_500])("goes along although nothing reaches the other process for %i ms then", async (ms) => {
    const { world, peer, heard, onStill, drain, resets } = await scene()
    const before = peer()
    const [first] = world.processes
    if (first === undefined) throw new Error("no process")
    onStill(() => {
      before.send("word", 1)
      const { publish } = first.backplane
      const until = world.runtime.now() + ms
      first.backplane.publish = (topic, data) => {
        if (world.runtime.now() > until || !topic.includes(".to.")) publish.call(first.backplane, topic, data)
      }
    })
    await drain()
    await world.runtime.pass(5_000)
    expect(peer()).not.toBe(before)
    expect(heard).toEqual([1])
    expect(resets).toEqual([])
  })
})

/** A scene whose second process loses its connection for so long, or only hears nothing of the first, when it is told to go on. */
async function cutOff(ms: number, isParted: boolean): Promise<Scene> {
  const made = await scene()
  const { world, peer, onStill, drain } = made
  const [first, second] = world.processes
  if (first === undefined || second === undefined) throw new Error("no process")
  onStill(() => {
    peer().send("word", 1)
    if (isParted) world.bus.part(first.backplane, second.backplane)
    else second.backplane.cut()
    world.runtime.after(ms, () => (isParted ? world.bus.join() : second.backplane.mend()))
  })
  await drain()
  await world.runtime.pass(40_000)
  return made
}

describe("what is said last to a peer whose session stands still", () => {
  it.each([
    [4_000, true],
    [12_600, true],
    [4_000, false],
    [12_600, false],
    [14_500, false],
  ])("arrives although the other process is out of reach for %i ms (parted: %s)", async (ms, isParted) => {
    const { world, heard, resets } = await cutOff(ms, isParted)
    expect(world.processes[1]?.hub.peers.size).toBe(1)
    expect(heard).toEqual([1])
    expect(resets).toEqual([])
  })

  it("is told as lost if the two are parted for so long that the other goes on by itself", async () => {
    const { world, heard, resets } = await cutOff(17_500, true)
    expect(world.processes[1]?.hub.peers.size).toBe(1)
    expect(heard).toEqual([])
    expect(resets).toEqual([])
    expect(world.processes[0]?.failures).toEqual([
      expect.objectContaining({ message: expect.stringContaining("may not know what was said to its peer last") }),
    ])
  })
})

it("a store whose answer is lost is asked again before the session is given up", async () => {
  const { world, peer, channel, drain, resets } = await scene()
  const before = peer()
  const [first] = world.processes
  if (first === undefined) throw new Error("no process")
  const { compareAndSet } = first.backplane
  let asked = 0
  first.backplane.compareAndSet = async (...args) => {
    const value = await compareAndSet.apply(first.backplane, args)
    if (asked++ === 0) throw new Error("the answer was lost")
    return value
  }
  await drain()
  await world.runtime.pass(2_000)
  expect(asked).toBeGreaterThan(1)
  expect(resets).toEqual([])
  expect(channel.status).toBe("open")
  expect(peer()).not.toBe(before)
})

describe("a hub that has closed", () => {
  it("does not begin with a session that it was about to have, and leaves no timer", async () => {
    const { world, onStill, drain } = await scene()
    const [first, second] = world.processes
    if (first === undefined || second === undefined) throw new Error("no process")
    // The second process never hears that it has the session, and looks into the store.
    onStill(() => {
      first.backplane.publish = () => {}
    })
    await drain(100)
    void second.hub.close()
    await world.runtime.pass(100)
    expect(second.machine.pending()).toBe(0)
    await world.runtime.pass(20_000)
    expect(second.hub.peers.size).toBe(0)
    expect(second.failures).toEqual([])
  })

  it("before it had joined the others waits for nothing, and reports nothing when its backplane closes", async () => {
    const world = await createWorld(1)
    world.bus.slowStore(1_000)
    const late = world.start()
    const link = world.link(1)
    await world.runtime.pass(100)
    link.send(helloOf("a"))
    await world.runtime.pass(100)
    await late.hub.close()
    await late.backplane.close()
    await world.runtime.pass(10)
    expect(late.machine.pending()).toBe(0)
    await world.runtime.pass(5_000)
    expect(late.failures).toEqual([])
    expect(late.machine.reported).toEqual([])
  })
})
