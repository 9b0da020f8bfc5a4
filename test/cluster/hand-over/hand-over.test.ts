import type { Channel } from "everwire"
import type { Peer } from "everwire/server"
import { describe, expect, it } from "vitest"
import { countTo, createWorld, type Process, type World } from "../support.ts"

interface Told {
  readonly index: number
  readonly peer: Peer
  readonly moved: boolean
}

/** Numbers both ways, and what the hubs tell of their peers. */
interface Talk {
  readonly up: number[]
  readonly down: number[]
  /** How many were accepted. */
  saidUp: number
  saidDown: number
  readonly resets: unknown[]
  readonly begun: Told[]
  /** Codes of `onClose`, with the index of the process. */
  readonly closed: [index: number, code: string, undelivered: number][]
  say(): void
}

function listenTo({ hub }: Process, index: number, talk: Talk): void {
  hub.onPeer((peer, { moved }) => {
    talk.begun.push({ index, peer, moved })
    peer.onClose(({ code, undelivered }) => talk.closed.push([index, code, undelivered]))
  })
  hub.on("up", (data) => talk.up.push(data as number)) // the test sends numbers alone
}

function startTalk(world: World, channel: Channel): Talk {
  const talk: Talk = {
    up: [],
    down: [],
    saidUp: 0,
    saidDown: 0,
    resets: [],
    begun: [],
    closed: [],
    say() {
      channel.send("up", talk.saidUp++)
      const peer = talk.begun.at(-1)?.peer
      if (peer === undefined || peer.closed) return
      peer.send("down", talk.saidDown++)
    },
  }
  for (const [index, process] of world.processes.entries()) listenTo(process, index, talk)
  channel.on("down", (data) => talk.down.push(data as number)) // as above
  channel.onReset((reset) => talk.resets.push(reset))
  return talk
}

async function sayEach(world: World, talk: Talk, ms: number, times: number): Promise<void> {
  for (let at = 0; at < times; at++) {
    talk.say()
    await world.runtime.pass(ms)
  }
}

function expectPerfect(talk: Talk): void {
  expect(talk.resets).toEqual([])
  expect(talk.up).toEqual(countTo(talk.saidUp))
  expect(talk.down).toEqual(countTo(talk.saidDown))
}

/** The processes that have peers. */
function owners({ processes }: World): number[] {
  return processes.flatMap(({ hub }, index) => (hub.peers.size > 0 ? [index] : []))
}

/** A world in which the first process has a session that has said 20 messages each way. */
async function begin(count: number, options?: Parameters<typeof createWorld>[1]): Promise<[World, Talk, Channel]> {
  const world = await createWorld(count, options)
  world.reach(0)
  const channel = world.dial()
  const talk = startTalk(world, channel)
  await world.runtime.pass(100)
  await sayEach(world, talk, 5, 20)
  expect(owners(world)).toEqual([0])
  return [world, talk, channel]
}

function close({ processes }: World, index: number, drainMs: number): Promise<void> {
  return processes[index]?.hub.close({ drainMs }) ?? Promise.reject(new Error("no such process"))
}

/** Closes a hub and lets time pass until it has closed. */
async function closeWholly(world: World, index: number, drainMs: number): Promise<void> {
  let isOver = false
  const closed = close(world, index, drainMs).then(() => {
    isOver = true
  })
  while (!isOver) await world.runtime.pass(10)
  await closed
}

describe("a hub that drains while another one stays", () => {
  it("hands its session over while both sides send: nothing is lost, doubled or out of order", async () => {
    const [world, talk, channel] = await begin(2)
    const statuses: string[] = []
    channel.onStatus((status) => statuses.push(status))
    world.reach(1)
    const closed = close(world, 0, 10_000)
    await sayEach(world, talk, 1, 200)
    await closed
    await world.runtime.pass(1_000)
    expectPerfect(talk)
    expect(owners(world)).toEqual([1])
    expect(statuses).toEqual(["reconnecting", "open"])
    expect(talk.closed).toEqual([[0, "moved", 0]])
    expect(talk.begun.map(({ index, moved }) => [index, moved])).toEqual([
      [0, false],
      [1, true],
    ])
    expect(talk.begun[1]?.peer.id).toBe(talk.begun[0]?.peer.id)
    expect(world.processes[0]?.hub.stats().ended).toEqual({ moved: 1 })
    expect(world.processes.map(({ failures }) => failures)).toEqual([[], []])
  })

  it("lets a channel that dials it again reach the session at the other one", async () => {
    const [world, talk, channel] = await begin(2)
    let resolve = (): void => {}
    world.processes[0]?.hub.handle("slow", () => new Promise<void>((settle) => (resolve = settle)))
    const other = world.dial()
    await world.runtime.pass(100)
    void other.request("slow", undefined, { timeoutMs: Infinity })
    await world.runtime.pass(100)
    const closed = close(world, 0, 10_000)
    await sayEach(world, talk, 5, 100)
    expect(channel.status).toBe("open")
    expect(owners(world)).toEqual([0, 1])
    await world.runtime.pass(100)
    expect(talk.resets).toEqual([])
    expect(talk.up).toEqual(countTo(talk.saidUp))
    world.reach(1)
    resolve()
    await sayEach(world, talk, 5, 20)
    await closed
    await world.runtime.pass(1_000)
    expect(talk.resets).toEqual([])
    expect(talk.up).toEqual(countTo(talk.saidUp))
  })

  it("lets a channel that dials before the session is there wait for it, and refuses nobody", async () => {
    const [world, talk, channel] = await begin(2)
    const refused: string[] = []
    world.processes[1]?.hub.onRefused(({ code }) => refused.push(code))
    world.bus.delay(40)
    world.reach(1)
    const closed = close(world, 0, 10_000)
    await world.runtime.passUntil(() => channel.status === "reconnecting", 5_000)
    const leftAt = world.runtime.now()
    await world.runtime.passUntil(() => channel.status === "open", 5_000)
    expect(world.runtime.now() - leftAt).toBeLessThan(100)
    expect(refused).toEqual([])
    await world.runtime.pass(1_000)
    await closed
    await sayEach(world, talk, 5, 20)
    await world.runtime.pass(1_000)
    expectPerfect(talk)
  })

  it("lets a channel wait no longer than 2 s for a session that does not come", async () => {
    const [world, , channel] = await begin(2)
    const refused: string[] = []
    world.processes[1]?.hub.onRefused(({ code }) => refused.push(code))
    const [old, next] = world.processes.map(({ backplane }) => backplane)
    if (old === undefined || next === undefined) throw new Error("no backplane")
    // The former owner dies when the other process is ready for the session.
    const { publish } = old
    old.publish = (topic, data) => {
      publish.call(old, topic, data)
      if (topic.includes(`.to.${world.processes[1]?.hub.id}`)) queueMicrotask(() => world.processes[0]?.kill())
    }
    world.reach(1)
    void close(world, 0, 10_000)
    await world.runtime.pass(4_000)
    expect(refused[0]).toBe("backplane-unavailable")
    await world.runtime.pass(30_000)
    expect(channel.status).toBe("open")
  })

  it("tells of it with rooms and data as they were, and asks nobody whether the peer may join", async () => {
    let asked = 0
    const permitJoin = (): boolean => asked++ < 2
    const [world, talk, channel] = await begin(2, {
      permitJoin,
      authenticate: () => ({ id: "ann", born: new Date(7) }),
    })
    const before = talk.begun[0]?.peer as Peer<never, never, unknown>
    before.join("a")
    before.join("b")
    before.data = { names: new Map([["k", 1n]]) }
    const seen: unknown[] = []
    world.processes[1]?.hub.onPeer((peer, how) => {
      seen.push([how, [...peer.rooms], peer.data, peer.principal, peer.connected, talk.up.length])
      peer.send("down", talk.saidDown++)
    })
    world.reach(1)
    const heardBefore = talk.up.length
    await closeWholly(world, 0, 1_000)
    await world.runtime.pass(1_000)
    const principal = { id: "ann", born: new Date(7) }
    expect(seen).toEqual([[{ moved: true }, ["a", "b"], before.data, principal, false, heardBefore]])
    world.processes[1]?.hub.to("b").send("down", talk.saidDown++)
    channel.send("up", talk.saidUp++)
    await world.runtime.pass(100)
    expectPerfect(talk)
    expect(asked).toBe(2)
  })

  it("hands over data that is no plain data without it", async () => {
    const [world, talk] = await begin(2)
    const peer = talk.begun[0]?.peer
    if (peer) peer.data = { run() {} }
    world.reach(1)
    await closeWholly(world, 0, 1_000)
    await world.runtime.pass(1_000)
    expect(talk.begun[1]?.peer.data).toBeUndefined()
    expectPerfect(talk)
  })

  it("hands over what nobody has acknowledged yet, both ways, of a channel that is away", async () => {
    const [world, talk] = await begin(2)
    world.reach(99)
    world.cut()
    await sayEach(world, talk, 1, 30)
    expect(talk.up.length).toBeLessThan(talk.saidUp)
    expect(talk.down.length).toBeLessThan(talk.saidDown)
    await closeWholly(world, 0, 1_000)
    expect(owners(world)).toEqual([1])
    await sayEach(world, talk, 1, 10)
    world.reach(1)
    await world.runtime.pass(30_000)
    expectPerfect(talk)
  })

  it("hands over messages that may be dropped as they wait", async () => {
    const [world, talk, channel] = await begin(2)
    const heard: unknown[] = []
    channel.on("place", (data) => heard.push(data))
    world.reach(99)
    world.cut()
    await world.runtime.pass(10)
    const peer = talk.begun[0]?.peer
    peer?.send("place", "one", { latest: "p" })
    peer?.send("place", "gone", { volatile: true })
    peer?.send("place", "old", { ttlMs: 100 })
    peer?.send("place", "certain")
    await closeWholly(world, 0, 1_000)
    const after = talk.begun[1]?.peer
    after?.send("place", "two", { latest: "p" })
    await world.runtime.pass(500)
    world.reach(1)
    await world.runtime.pass(30_000)
    expect(heard).toEqual(["certain", "two"])
    expect(talk.resets).toEqual([])
  })

  it("hands over a large message in the middle of its parts", async () => {
    const [world, talk, channel] = await begin(2)
    const large = "x".repeat(900_000)
    const heard: unknown[] = []
    channel.on("large", (data) => heard.push(data))
    for (const { hub } of world.processes) hub.on("large", (data) => heard.push(data))
    talk.begun[0]?.peer.send("large", large)
    channel.send("large", large)
    world.reach(1)
    await closeWholly(world, 0, 1_000)
    await world.runtime.pass(10_000)
    expect(heard).toEqual([large, large])
    expectPerfect(talk)
  })

  it("waits for open requests, and lets those fail that are open when the time is over", async () => {
    const [world, talk, channel] = await begin(2)
    const { runtime, processes } = world
    processes[0]?.hub.handle("quick", () => new Promise((resolve) => runtime.after(500, () => resolve("answer"))))
    processes[0]?.hub.handle("never", () => new Promise(() => {}))
    channel.handle("never", () => new Promise(() => {}))
    processes[1]?.hub.handle("next", () => "from the next one")
    const quick = channel.request("quick")
    const never = channel.request("never", undefined, { timeoutMs: Infinity }).catch((error: unknown) => error)
    const asked = talk.begun[0]?.peer.request("never", undefined, { timeoutMs: Infinity }).catch((e: unknown) => e)
    await runtime.pass(50)
    world.reach(1)
    const closed = close(world, 0, 2_000)
    await sayEach(world, talk, 10, 100)
    expect(owners(world)).toEqual([0])
    expect(await quick).toBe("answer")
    await sayEach(world, talk, 10, 200)
    await closed
    expect(await never).toMatchObject({ code: "hub-closing" })
    expect(await asked).toMatchObject({ code: "hub-closing" })
    await runtime.pass(1_000)
    expect(owners(world)).toEqual([1])
    expectPerfect(talk)
    const next = channel.request("next")
    channel.handle("who", () => "me")
    const who = talk.begun[1]?.peer.request("who")
    await runtime.pass(100)
    expect(await next).toBe("from the next one")
    expect(await who).toBe("me")
  })

  it("numbers what the next one asks after what the last one asked", async () => {
    const [world, talk, channel] = await begin(2)
    const { runtime } = world
    let answer = (_: unknown): void => {}
    channel.handle("ask", (data) => (data === 1 ? new Promise((resolve) => (answer = resolve)) : data))
    void talk.begun[0]?.peer.request("ask", 1, { timeoutMs: Infinity }).catch(() => {})
    await runtime.pass(50)
    world.reach(1)
    await closeWholly(world, 0, 500)
    channel.handle("later", () => new Promise((resolve) => runtime.after(200, () => resolve("right"))))
    const asked = talk.begun[1]?.peer.request("later")
    await runtime.pass(50)
    answer("wrong")
    await runtime.pass(500)
    expect(await asked).toBe("right")
  })
})

describe("a session moves again", () => {
  it("and is found by a process that never had it, after the one that its channel names is gone", async () => {
    const [world, talk] = await begin(3)
    world.reach(99)
    world.cut()
    await closeWholly(world, 0, 1_000)
    const [second] = owners(world)
    world.reach(second === 1 ? 2 : 1)
    await world.runtime.pass(30_000)
    await sayEach(world, talk, 5, 20)
    await world.runtime.pass(1_000)
    expect(owners(world)).toEqual([second])
    expectPerfect(talk)
  })

  it("when the next hub closes too, and a hello that names the first one finds it", async () => {
    const [world, talk] = await begin(3)
    world.reach(99)
    world.cut()
    await closeWholly(world, 0, 1_000)
    const [second] = owners(world)
    await closeWholly(world, second ?? -1, 1_000)
    const [third] = owners(world)
    expect([0, second, third].toSorted()).toEqual([0, 1, 2])
    world.reach(third)
    await world.runtime.pass(30_000)
    await sayEach(world, talk, 5, 20)
    await world.runtime.pass(1_000)
    expectPerfect(talk)
  })

  it("through a restart of every process, one after another, under load", async () => {
    const world = await createWorld(3)
    const { runtime, processes } = world
    const channels = Array.from({ length: 8 }, () => world.dial())
    const ups = channels.map(() => [] as number[])
    const downs = channels.map(() => [] as number[])
    const saidDown = channels.map(() => 0)
    const sayDown = (index: number): number => {
      const number = saidDown[index] ?? 0
      saidDown[index] = number + 1
      return number
    }
    const peers = new Map<number, Peer>()
    const resets: unknown[] = []
    const listen = ({ hub }: Process): void => {
      hub.onPeer((peer, { moved }) => {
        if (moved) peers.set(peer.data as number, peer) // set below
      })
      hub.on("up", (data, peer) => {
        const [index, number] = data as [number, number] // the test sends nothing else
        peer.data = index
        peers.set(index, peer)
        ups[index]?.push(number)
      })
    }
    processes.forEach(listen)
    for (const [index, channel] of channels.entries()) {
      channel.on("down", (data) => downs[index]?.push(data as number)) // as above
      channel.onReset((reset) => resets.push(reset))
    }
    let said = 0
    const say = async (times: number): Promise<void> => {
      for (let at = 0; at < times; at++) {
        for (const [index, channel] of channels.entries()) {
          channel.send("up", [index, said])
          const peer = peers.get(index)
          if (peer && !peer.closed) peer.send("down", sayDown(index))
        }
        said++
        await runtime.pass(10)
      }
    }
    await say(50)
    for (let round = 0; round < 3; round++) {
      listen(world.start())
      await say(300)
      const closed = close(world, round, 2_000)
      await say(100)
      await closed
      processes[round]?.kill()
      await say(100)
    }
    await runtime.pass(10_000)
    expect(resets).toEqual([])
    for (const up of ups) expect(up).toEqual(countTo(said))
    for (const [index, down] of downs.entries()) expect(down).toEqual(countTo(saidDown[index] ?? 0))
    expect(owners(world).every((index) => index > 2)).toBe(true)
    expect(processes.flatMap(({ failures }) => failures)).toEqual([])
  })
})

describe("a session that nobody can take ends as ever", () => {
  it("when there is no other process", async () => {
    const [world, talk] = await begin(1)
    await closeWholly(world, 0, 1_000)
    expect(talk.closed).toEqual([[0, "hub-closing", 0]])
  })

  it("when there is no time", async () => {
    const [world, talk, channel] = await begin(2)
    world.reach(1)
    await closeWholly(world, 0, 0)
    await world.runtime.pass(3_000)
    expect(talk.closed).toEqual([[0, "hub-closing", expect.any(Number)]])
    expect(talk.resets).toMatchObject([{ messages: [] }])
    expect(channel.status).toBe("open")
  })

  it("when all processes close together", async () => {
    const [world, talk] = await begin(3)
    const closed = [0, 1, 2].map((index) => close(world, index, 1_000))
    await world.runtime.pass(10_000)
    await Promise.all(closed)
    expect(talk.closed.at(-1)?.[1]).toBe("hub-closing")
    expect(owners(world)).toEqual([])
  })

  it.each([
    ["stops", (world: World) => world.bus.stop()],
    ["is too slow", (world: World) => world.bus.slowStore(5_000)],
  ])("when the store %s", async (_how, hurt) => {
    const [world, talk, channel] = await begin(2)
    world.reach(1)
    hurt(world)
    const closed = close(world, 0, 3_000)
    await sayEach(world, talk, 10, 900)
    await closed
    expect(talk.closed).toEqual([[0, "hub-closing", expect.any(Number)]])
    world.bus.slowStore(1)
    world.bus.start()
    await world.runtime.pass(30_000)
    expect(channel.status).toBe("open")
    expect(talk.resets).toMatchObject([{ messages: [] }])
    expect(talk.up).toEqual(countTo(talk.saidUp))
    expect(owners(world)).toEqual([1])
  })

  it("when the other process is full", async () => {
    const [world, talk, channel] = await begin(2, { limits: { maxSessions: 1 } })
    world.reach(1)
    const other = world.dial()
    await world.runtime.pass(500)
    expect(owners(world)).toEqual([0, 1])
    await closeWholly(world, 0, 1_000)
    expect(talk.closed).toEqual([[0, "hub-closing", 0]])
    await Promise.all([other.close(), channel.close()])
  })

  it("when the principal cannot cross, which is told", async () => {
    const principal = { id: "u", run() {} }
    const [world, talk] = await begin(2, { authenticate: () => principal })
    await closeWholly(world, 0, 1_000)
    expect(talk.closed).toEqual([[0, "hub-closing", 0]])
    expect(world.processes[0]?.failures).toMatchObject([{ code: "payload-unsupported" }])
  })
})

describe("faults on the way", () => {
  it("another process takes the session when the first that is asked has died", async () => {
    const [world, talk] = await begin(3)
    world.processes[1]?.kill()
    world.reach(2)
    const closed = close(world, 0, 10_000)
    await sayEach(world, talk, 10, 600)
    await closed
    await world.runtime.pass(1_000)
    expectPerfect(talk)
    expect(owners({ ...world, processes: [world.processes[2] as Process] })).toEqual([0])
  })

  it("a process that dies when it has the session loses it, as in any crash", async () => {
    const [world, talk, channel] = await begin(2)
    world.reach(99)
    world.cut()
    await closeWholly(world, 0, 1_000)
    expect(owners(world)).toEqual([1])
    world.processes[1]?.kill()
    world.start()
    await world.runtime.pass(10_000)
    world.reach(2)
    await world.runtime.pass(30_000)
    expect(talk.resets).toHaveLength(1)
    expect(channel.status).toBe("open")
  })

  it("the other process finds in the store that it has the session when it does not hear so", async () => {
    const [world, talk] = await begin(2)
    const backplane = world.processes[0]?.backplane
    if (backplane === undefined) throw new Error("no backplane")
    const { publish, compareAndSet } = backplane
    let isMute = false
    backplane.compareAndSet = async (...args) => {
      const value = await compareAndSet.apply(backplane, args)
      isMute = true
      return value
    }
    backplane.publish = (topic, data) => {
      if (!isMute || !topic.includes(".to.")) publish.call(backplane, topic, data)
    }
    world.reach(1)
    const closed = close(world, 0, 10_000)
    await sayEach(world, talk, 10, 2_200)
    await closed
    await world.runtime.pass(30_000)
    expect(owners(world)).toEqual([1])
    expect(talk.resets).toEqual([])
    expect(talk.up).toEqual(countTo(talk.saidUp))
  })

  it("a session that its peer closes on the way is gone everywhere", async () => {
    const [world, talk, channel] = await begin(2)
    world.bus.delay(50)
    const closed = close(world, 0, 1_000)
    await world.runtime.pass(60)
    talk.begun[0]?.peer.close()
    await world.runtime.pass(15_000)
    await closed
    expect(owners(world)).toEqual([])
    expect(channel.status).toBe("closed")
    expect(talk.begun).toHaveLength(1)
  })
})
