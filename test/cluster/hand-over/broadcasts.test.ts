import type { Channel } from "everwire"
import { createPublisher } from "everwire/cluster"
import type { Hub } from "everwire/server"
import { describe, expect, it } from "vitest"
import { Crossing } from "../../../src/cluster/crossing.ts"
import type { Broadcast } from "../../../src/server/across.ts"
import { Clockwork } from "../../../src/session/clockwork.ts"
import { createVirtualRuntime } from "../../../src/testing/virtual-runtime.ts"
import { createWorld, type Process, type World } from "../support.ts"

/** What one hub says to all and to a room in turn, numbered. */
interface Speaker {
  readonly name: string
  said: number
  say(): void
}

function speaker(hub: Hub, name: string): Speaker {
  const speaker = {
    name,
    said: 0,
    say() {
      const text = `${name} ${speaker.said++}`
      if (speaker.said % 2 === 0) hub.send("word", text)
      else hub.to("room", "attic").send("word", text)
    },
  }
  return speaker
}

function openChannel(world: World): [Channel, string[]] {
  const channel = world.dial()
  const heard: string[] = []
  channel.on("word", (data) => heard.push(String(data)))
  return [channel, heard]
}

function expectEachOnce(heard: readonly string[], speakers: readonly Speaker[]): void {
  for (const { name, said } of speakers) {
    const own = heard.filter((text) => text.startsWith(`${name} `))
    expect(own).toEqual(Array.from({ length: said }, (_, n) => `${name} ${n}`))
  }
}

async function drain(world: World, process: Process | undefined, speakers: readonly Speaker[]): Promise<void> {
  let isOver = false
  void process?.hub.close({ drainMs: 5_000 }).then(() => {
    isOver = true
  })
  while (!isOver) {
    for (const one of speakers) one.say()
    await world.runtime.pass(2)
  }
}

describe("what several processes send to rooms and to all while a session moves", () => {
  // A message reaches the two processes up to 25 ms apart, which is often before the session has moved and after it.
  it.each([
    [1, false],
    [2, false],
    [3, false],
    [4, true],
    [5, true],
  ])("comes once and in the order of each sender (chance %i, durable: %s)", async (seed, durable) => {
    const world = await createWorld(3, { durable }, { seed })
    world.bus.delay(10, 25)
    world.reach(0)
    for (const { hub } of world.processes) hub.onPeer((peer, { moved }) => !moved && peer.join("room"))
    const [, heard] = openChannel(world)
    await world.runtime.pass(2_000)
    const [first, second, third] = world.processes
    const speakers = [first, second, third].map((process, at) => speaker((process as Process).hub, `hub ${at}`)) // there are three
    world.reach(2)
    await drain(world, first, speakers)
    await world.runtime.pass(2_000)
    expectEachOnce(heard, speakers)
    expect(heard.length).toBeGreaterThan(50)
  })

  it("comes once although the session moves on before all of it has come", async () => {
    const world = await createWorld(3, {}, { seed: 6 })
    world.reach(0)
    const [, heard] = openChannel(world)
    await world.runtime.pass(2_000)
    const [first, second, third] = world.processes as [Process, Process, Process] // there are three
    // The first process hears the publisher long before the others do.
    const backplane = world.bus.end()
    const publisher = createPublisher(backplane, { runtime: world.runtime })
    await world.runtime.pass(3_000)
    const publish = backplane.publish.bind(backplane)
    const late: (() => void)[] = []
    world.bus.part(backplane, second.backplane)
    world.bus.part(backplane, third.backplane)
    backplane.publish = (topic, data) => {
      publish(topic, data)
      late.push(() => publish(topic, data))
    }
    publisher.send("word", "once")
    await world.runtime.pass(100)
    expect(heard).toEqual(["once"])
    world.reach(1)
    void first.hub.close({ drainMs: 1_000 })
    await world.runtime.pass(200)
    const next = second.hub.peers.size > 0 ? second : third
    expect(next.hub.peers.size).toBe(1)
    world.reach(next === second ? 2 : 1)
    void next.hub.close({ drainMs: 1_000 })
    await world.runtime.pass(200)
    world.bus.join()
    for (const again of late) again()
    await world.runtime.pass(1_000)
    expect(heard).toEqual(["once"])
    publisher.send("word", "twice")
    await world.runtime.pass(1_000)
    expect(heard).toEqual(["once", "twice"])
  })
})

describe("the messages that are kept for a session that may come", () => {
  const crossing = (last: Record<string, number> = {}) => {
    const runtime = createVirtualRuntime()
    const delivered: string[] = []
    const made = new Crossing({
      clockwork: new Clockwork(runtime),
      lastOf: (sender) => last[sender] ?? 0,
      deliverTo: (session, { packets }) => delivered.push(`${session} ${packets[0]?.[1]}`),
    })
    const pass = (from: string, number: number, text = `${from}${number}`): void =>
      made.passed(from, { number, broadcast: messageOf(text) })
    return { made, delivered, pass, runtime }
  }
  const messageOf = (text: string): Broadcast => ({
    rooms: undefined,
    except: [],
    delivery: undefined,
    packets: [["json", text]],
  })

  it("are those behind what its former hub had heard, and none from before it was offered", () => {
    const { made, delivered, pass } = crossing()
    pass("a", 1)
    made.expect("early")
    pass("a", 2)
    made.expect("late")
    pass("a", 3)
    pass("b", 7)
    made.came("late", [["a", 2]])
    expect(delivered).toEqual(["late a3", "late b7"])
    made.came("early", [
      ["a", 2],
      ["b", 7],
    ])
    expect(delivered.slice(2)).toEqual(["early a3"])
  })

  it("are none if the former hub does not tell, as one of an older version", () => {
    const { made, delivered, pass } = crossing()
    made.expect("x")
    pass("a", 1)
    made.came("x", undefined)
    expect(delivered).toEqual([])
  })

  it("are bounded: the oldest go", () => {
    const { made, delivered, pass } = crossing()
    made.expect("x")
    const large = "x".repeat(1_000_000)
    for (let number = 1; number <= 40; number++) pass("a", number, large)
    made.came("x", [])
    expect(delivered.length).toBeLessThan(20)
    expect(delivered.length).toBeGreaterThan(3)
  })

  it("tell which sessions have a message from their former hub, until that is over", async () => {
    const { made, runtime } = crossing({ a: 3 })
    made.came("x", [["a", 5]])
    made.came("y", [["a", 3]])
    expect(made.hadBy("b", 4)).toEqual([])
    expect(made.hadBy("a", 4)).toEqual(["x"])
    expect(made.heardBy("x", [["a", 4]])).toEqual([["a", 5]])
    expect(made.heardBy("y", [["a", 4]])).toEqual([["a", 4]])
    expect(made.hadBy("a", 5)).toEqual(["x"])
    expect(made.hadBy("a", 5)).toEqual([])
    made.came("x", [["a", 9]])
    await runtime.pass(600_001)
    made.came("z", [])
    expect(made.hadBy("a", 7)).toEqual([])
  })
})
