import {
  createNetwork,
  createVirtualRuntime,
  type Network,
  type NetworkOptions,
  type VirtualRuntime,
} from "everwire/testing"
import { describe, expect, it } from "vitest"
import { Clockwork } from "../../src/session/clockwork.ts"
import type { Batch, Link, LinkSink } from "../../src/transports/transport.ts"
import { closing } from "../../src/wire/errors.ts"

const BYE = closing("closed", "bye", false)

interface Half {
  readonly link: Link
  /** The calls of the sink. */
  readonly told: string[]
}

interface Place {
  readonly runtime: VirtualRuntime
  readonly network: Network
  /** The accepting ends, in the order in which they were admitted. */
  readonly accepted: Half[]
  dial(name?: string): Half
}

function sinkInto(told: string[], writable: () => void = () => {}): LinkSink {
  return {
    batch: (batch: Batch) => void told.push(String(batch)),
    closed: ({ code }) => void told.push(`closed: ${code}`),
    writable,
  }
}

function place(options: Partial<NetworkOptions> = {}): Place {
  const runtime = createVirtualRuntime({ seed: 5, now: 0 })
  const network = createNetwork({ runtime, ...options })
  const accepted: Half[] = []
  for (const name of ["websocket", "sse"]) {
    network.acceptor(name).open({
      runtime,
      clockwork: new Clockwork(runtime),
      hub: "hub",
      maxBatchBytes: 1,
      holdMs: 1,
      admit(link) {
        const told: string[] = []
        accepted.push({ link, told })
        return sinkInto(told)
      },
    })
  }
  const target = { url: "", runtime, platform: {}, withCredentials: false, holdMs: 1, learnHold() {} }
  return {
    runtime,
    network,
    accepted,
    dial(name = "websocket") {
      const told: string[] = []
      return { told, link: network.dialer(name).dial(target, sinkInto(told)) }
    },
  }
}

/** A network with one link that is open at both ends. */
function open(options?: Partial<NetworkOptions>): Place & { near: Half; far: Half } {
  const it = place(options)
  const near = it.dial()
  it.runtime.advance(1_000)
  const [far] = it.accepted
  if (far === undefined) throw new Error("nobody accepted")
  return { ...it, near, far }
}

describe("a link of the network", () => {
  it("delivers what is sent before it is open, in order, after its latency", () => {
    const { runtime, accepted, dial } = place({ latencyMs: 10 })
    const { link } = dial()
    for (const batch of ["a", "b"]) link.send(batch)
    runtime.advance(9)
    expect(accepted).toEqual([])
    runtime.advance(1)
    expect(accepted[0]?.told).toEqual(["a", "b"])
  })

  it("keeps the order under jitter, in each direction", () => {
    const { runtime, near, far } = open({ jitterMs: 500 })
    const batches = Array.from({ length: 50 }, (_, n) => `b${n}`)
    for (const batch of batches) {
      near.link.send(batch)
      far.link.send(batch)
      runtime.advance(7)
    }
    runtime.advance(1_000)
    expect(near.told).toEqual(batches)
    expect(far.told).toEqual(batches)
  })

  it("reports its end after the data sent before, and delivers nothing more itself", () => {
    const { runtime, network, near, far } = open()
    far.link.send("never heard")
    near.link.send("last words")
    near.link.close(BYE)
    near.link.close(BYE)
    near.link.send("after the end")
    runtime.advance(100)
    expect([near.told, far.told]).toEqual([[], ["last words", "closed: closed"]])
    expect([network.wires, runtime.pending()]).toEqual([[], 0])
  })

  it("never calls its sink from inside a call of its own functions", () => {
    const { runtime, network, near, far, dial } = open({ latencyMs: 0 })
    network.block("websocket")
    const refused = dial()
    near.link.send("a")
    near.link.close(BYE)
    network.cut()
    expect([near.told, far.told, refused.told]).toEqual([[], [], []])
    runtime.advance(0)
    expect(refused.told).toEqual(["closed: network"])
  })

  it("reports how many bytes the network has not taken, and when there is room again", () => {
    const runtime = createVirtualRuntime()
    const network = createNetwork({ runtime, windowBytes: 100 })
    network.acceptor("x").open({
      runtime,
      clockwork: new Clockwork(runtime),
      hub: "",
      maxBatchBytes: 1,
      holdMs: 1,
      admit: () => sinkInto([]),
    })
    let room = 0
    const target = { url: "", runtime, platform: {}, withCredentials: false, holdMs: 1, learnHold() {} }
    const link = network.dialer("x").dial(
      target,
      sinkInto([], () => room++),
    )
    link.send("x".repeat(100))
    expect(link.bufferedBytes).toBe(0)
    link.send("x".repeat(40))
    expect([link.bufferedBytes, room]).toEqual([40, 0])
    runtime.advance(100)
    expect([link.bufferedBytes, room]).toEqual([0, 1])
  })
})

describe("faults of a link", () => {
  it("a cut tells both ends, once, and loses what is on its way", () => {
    const { runtime, network, near, far } = open()
    near.link.send("lost")
    network.cut()
    near.link.send("lost too")
    network.cut()
    runtime.advance(100)
    expect([near.told, far.told]).toEqual([["closed: network"], ["closed: network"]])
    expect(network.wires).toEqual([])
  })

  it("a freeze stops both directions without telling, and loses nothing", () => {
    const { runtime, network, near, far } = open()
    network.freeze()
    near.link.send("up")
    far.link.send("down")
    runtime.advance(60_000)
    expect([near.told, far.told, runtime.pending()]).toEqual([[], [], 0])
    network.thaw()
    runtime.advance(0)
    expect([near.told, far.told]).toEqual([["down"], ["up"]])
  })

  it("a half-open link has ended at one end, and the other end is not told", () => {
    const { runtime, network, near, far } = open()
    network.wires[0]?.halfOpen("acceptor")
    near.link.send("into the void")
    runtime.advance(100)
    expect([near.told, far.told]).toEqual([[], ["closed: network"]])
    near.link.close(BYE)
    expect(network.wires).toEqual([])
  })

  it("silence in one direction does not affect the other", () => {
    const { runtime, network, near, far } = open()
    network.wires[0]?.silence("down")
    near.link.send("up")
    far.link.send("down")
    runtime.advance(100)
    expect([near.told, far.told]).toEqual([[], ["up"]])
  })

  it("an idle link is cut where the network cuts idle links, a busy one is not", () => {
    const { runtime, network, near, far } = open()
    network.cutIdle("websocket", 5_000)
    for (let n = 0; n < 4; n++) {
      near.link.send("x")
      runtime.advance(4_000)
    }
    expect(near.told).toEqual([])
    runtime.advance(6_000)
    expect([near.told, far.told.at(-1), runtime.pending()]).toEqual([["closed: network"], "closed: network", 0])
  })

  it("data for a machine that sleeps waits until it wakes", () => {
    const { runtime, network } = place()
    const laptop = runtime.machine()
    const told: string[] = []
    const target = { url: "", runtime: laptop, platform: {}, withCredentials: false, holdMs: 1, learnHold() {} }
    network.dialer("websocket").dial(target, sinkInto(told))
    runtime.advance(100)
    laptop.sleep()
    network.cut()
    runtime.advance(100)
    expect(told).toEqual([])
    laptop.wake()
    runtime.advance(0)
    expect(told).toEqual(["closed: network"])
  })
})

describe("faults of a transport", () => {
  it("a block refuses dials of that transport only, until it is removed", () => {
    const { runtime, network, accepted, dial } = place()
    network.block("websocket")
    const refused = dial()
    dial("sse")
    runtime.advance(100)
    expect([refused.told, accepted.length]).toEqual([["closed: refused"], 1])
    network.unblock("websocket")
    dial()
    runtime.advance(100)
    expect(accepted.length).toBe(2)
  })

  it("a block of everything refuses every dial", () => {
    const { runtime, network, accepted, dial } = place()
    const dialers = ["websocket", "sse"].map((name) => network.dialer(name).name)
    network.block()
    const refused = dialers.map((name) => dial(name))
    runtime.advance(100)
    expect([refused.map(({ told }) => told), accepted]).toEqual([[["closed: refused"], ["closed: refused"]], []])
  })

  it("a black hole answers no dial, and delivers what it kept when it is removed", () => {
    const { runtime, network, accepted, dial } = place()
    network.blackHole("websocket")
    const { told, link } = dial()
    link.send("late")
    runtime.advance(60_000)
    expect([told, accepted]).toEqual([[], []])
    network.unblock("websocket")
    runtime.advance(0)
    expect(accepted[0]?.told).toEqual(["late"])
  })

  it("a dial that is closed before it arrives is not admitted", () => {
    const { runtime, network, accepted, dial } = place()
    network.blackHole("websocket")
    dial().link.close(BYE)
    network.unblock("websocket")
    runtime.advance(100)
    expect([accepted, network.wires]).toEqual([[], []])
  })

  it("a proxy that holds back lets the first batch pass and keeps the others in order", () => {
    const { runtime, network, near, far } = open()
    network.holdBack("websocket")
    for (const batch of ["first", "second", "third"]) far.link.send(batch)
    runtime.advance(1_000)
    expect(near.told).toEqual(["first"])
    network.heal()
    runtime.advance(0)
    expect(near.told).toEqual(["first", "second", "third"])
  })

  it("a dial is refused where no hub listens, or where the hub's machine has died", () => {
    const { runtime, network, near, dial } = open()
    const nowhere = dial("short-poll")
    network.crash()
    const crashed = dial()
    runtime.advance(100)
    expect([near.told, nowhere.told, crashed.told]).toEqual([
      ["closed: network"],
      ["closed: network"],
      ["closed: network"],
    ])
  })
})

describe("several hubs that listen on one network", () => {
  /** Dials `dials` times, and returns the hub that each dial reached. */
  function dialed(balanced: boolean, dials: number, crashes?: number): string {
    const runtime = createVirtualRuntime({ seed: 5 })
    const network = createNetwork({ runtime, balanced })
    const arrived: string[] = []
    const machines = ["a", "b", "c"].map((hub) => {
      const machine = runtime.machine()
      const admit = (): LinkSink => {
        arrived.push(hub)
        return sinkInto([])
      }
      network
        .acceptor("x")
        .open({ runtime: machine, clockwork: new Clockwork(machine), hub, maxBatchBytes: 1, holdMs: 1, admit })
      return machine
    })
    if (crashes !== undefined) network.crash(machines[crashes])
    const target = { url: "", runtime, platform: {}, withCredentials: false, holdMs: 1, learnHold() {} }
    for (let i = 0; i < dials; i++) network.dialer("x").dial(target, sinkInto([]))
    runtime.advance(100)
    return arrived.join("")
  }

  it("are reached as in a restart: the one opened last, or the one before it when that one's machine has died", () => {
    expect(dialed(false, 3)).toBe("ccc")
    expect(dialed(false, 3, 2)).toBe("bbb")
    expect(dialed(false, 3, 0)).toBe("ccc")
  })

  it("are chosen at random where a balancer spreads dials over them", () => {
    expect(new Set(dialed(true, 30))).toEqual(new Set("abc"))
    expect(new Set(dialed(true, 30, 1))).toEqual(new Set("ac"))
  })

  it("lose only their own links when one of them dies", () => {
    const { runtime, network, near } = open()
    const other = runtime.machine()
    const clockwork = new Clockwork(other)
    network
      .acceptor("sse")
      .open({ runtime: other, clockwork, hub: "", maxBatchBytes: 1, holdMs: 1, admit: () => sinkInto([]) })
    network.crash(other)
    runtime.advance(100)
    expect(near.told).toEqual([])
  })
})

it("a link counts as broken when data from one end is lost without a report", () => {
  const { runtime, network, near, far } = open()
  const [wire] = network.wires
  far.link.close(BYE)
  expect(wire?.broken).toBe(false) // The other end will be told.
  runtime.advance(100)
  expect([near.told, network.wires]).toEqual([["closed: closed"], []])
  const second = open()
  second.network.wires[0]?.silence("up")
  expect(second.network.wires[0]?.broken).toBe(true)
})

it("the trace shows each batch that crossed and each event, line by line", () => {
  const { network, near, runtime } = open({ latencyMs: 10 })
  near.link.send("a1\nmx\t1")
  runtime.advance(10)
  network.cut()
  network.remark("somebody", "looked away")
  expect(network.trace.split("\n").map((line) => line.trim().replace(/\s+/g, " "))).toEqual([
    "0 websocket#1 dialed",
    "1010 websocket#1 ▲ a1",
    "mx ⇥ 1",
    "1010 websocket#1 cut",
    "1010 somebody looked away",
  ])
})

describe("a network with a limited rate", () => {
  const batchOf = (bytes: number): string => "x".repeat(bytes)

  /** The sizes of the batches that a sink heard, and its other calls. */
  function sizes({ told }: Half): (number | string)[] {
    return told.map((each) => (each.startsWith("x") ? each.length : each))
  }

  it("delivers a batch when all of it has passed, plus the latency; one batch after another", () => {
    const { runtime, network, near, far } = open({ latencyMs: 10 })
    network.limit({ upBytesPerSecond: 10_000 })
    near.link.send(batchOf(5_000))
    near.link.send(batchOf(1_000))
    runtime.advance(509)
    expect(far.told).toEqual([])
    runtime.advance(1)
    expect(sizes(far)).toEqual([5_000])
    runtime.advance(99)
    expect(sizes(far)).toEqual([5_000])
    runtime.advance(1)
    expect(sizes(far)).toEqual([5_000, 1_000])
  })

  it("has a separate rate for each direction", () => {
    const { runtime, network, near, far } = open({ latencyMs: 0 })
    network.limit({ downBytesPerSecond: 1_000 })
    near.link.send(batchOf(1_000_000))
    far.link.send(batchOf(2_000))
    runtime.advance(0)
    expect(sizes(far)).toEqual([1_000_000])
    runtime.advance(1_999)
    expect(near.told).toEqual([])
    runtime.advance(1)
    expect(sizes(near)).toEqual([2_000])
  })

  it("carries many small batches exactly as fast as one large batch", () => {
    const { runtime, network, near, far } = open({ latencyMs: 0 })
    network.limit({ upBytesPerSecond: 3_000_000 })
    for (let n = 0; n < 10_000; n++) near.link.send(batchOf(300))
    runtime.advance(999)
    expect(far.told.length).toBeLessThan(10_000)
    runtime.advance(1)
    expect(far.told.length).toBe(10_000)
  })

  it("has one queue for all links: a dial and an end wait behind the data of another link", () => {
    const { runtime, network, near, accepted, dial } = open({ latencyMs: 0 })
    network.limit({ upBytesPerSecond: 1_000 })
    near.link.send(batchOf(3_000))
    dial("sse").link.send("hello")
    near.link.close(BYE)
    runtime.advance(2_999)
    expect(accepted.length).toBe(1)
    runtime.advance(6)
    expect(accepted.map(sizes)).toEqual([[3_000, "closed: closed"], ["hello"]])
  })

  it("takes everything into an unbounded queue, as a modem does, and reports no buffered bytes", () => {
    const { network, near } = open()
    network.limit({ upBytesPerSecond: 1_000 })
    near.link.send(batchOf(5_000_000))
    expect([near.link.bufferedBytes, network.queuedBytes]).toEqual([0, { up: 5_000_000, down: 0 }])
  })

  it("leaves data at the sender that a bounded queue has no room for, and reports when there is room again", () => {
    const { runtime, network } = open({ latencyMs: 0 })
    let room = 0
    const target = { url: "", runtime, platform: {}, withCredentials: false, holdMs: 1, learnHold() {} }
    const sink = sinkInto([], () => room++)
    const link = network.dialer("websocket").dial(target, sink)
    network.limit({ upBytesPerSecond: 8_192, queueBytes: 16_384 })
    link.send(batchOf(40_960))
    expect([link.bufferedBytes, network.queuedBytes.up]).toEqual([24_576, 16_384])
    runtime.advance(2_999)
    expect([link.bufferedBytes > 0, room]).toEqual([true, 0])
    runtime.advance(1)
    expect([link.bufferedBytes, network.queuedBytes.up, room]).toEqual([0, 16_384, 1])
  })

  it("lets links take turns at a full queue", () => {
    const { runtime, network, near, accepted, dial } = open({ latencyMs: 0 })
    network.limit({ upBytesPerSecond: 8_192, queueBytes: 8_192 })
    near.link.send(batchOf(1_000_000))
    dial("sse").link.send("hello")
    runtime.advance(3_000)
    expect(accepted.at(-1)?.told).toEqual(["hello"])
  })

  it("changes its rate also for data that is on its way", () => {
    const { runtime, network, near, far } = open({ latencyMs: 0 })
    network.limit({ upBytesPerSecond: 1_000 })
    near.link.send(batchOf(4_000))
    runtime.advance(2_000)
    network.limit({ upBytesPerSecond: 4_000 })
    runtime.advance(499)
    expect(far.told).toEqual([])
    runtime.advance(1)
    expect(sizes(far)).toEqual([4_000])
    near.link.send(batchOf(4_000))
    near.link.send(batchOf(1_000_000))
    network.limit()
    runtime.advance(0)
    expect(sizes(far)).toEqual([4_000, 4_000, 1_000_000])
  })

  it("still carries the queued data of a broken link, but does not deliver it", () => {
    const { runtime, network, near, accepted, dial } = open({ latencyMs: 0 })
    network.limit({ upBytesPerSecond: 1_000 })
    near.link.send(batchOf(3_000))
    network.cut()
    dial("sse").link.send("hello")
    runtime.advance(3_004)
    expect(accepted.map(sizes)).toEqual([["closed: network"], []])
    runtime.advance(1)
    expect(accepted[1]?.told).toEqual(["hello"])
  })

  it("drops the data that a broken link still held because the queue was full", () => {
    const { runtime, network, near, accepted, dial } = open({ latencyMs: 0 })
    network.limit({ upBytesPerSecond: 1_000, queueBytes: 1_000 })
    near.link.send(batchOf(1_000_000))
    network.cut()
    dial("sse").link.send("hello")
    runtime.advance(5_000)
    expect(accepted[1]?.told).toEqual(["hello"])
  })

  it("does not treat a link as idle while a large batch of it passes", () => {
    const { runtime, network, near, far } = open()
    network.limit({ upBytesPerSecond: 4_096 })
    network.cutIdle("websocket", 5_000)
    near.link.send(batchOf(81_920))
    runtime.advance(20_000 + 10)
    expect([near.told, sizes(far)]).toEqual([[], [81_920]])
  })

  it("counts the dials, and the bytes and batches in each direction", () => {
    const { runtime, network, near, far, dial } = open()
    network.limit({ downBytesPerSecond: 8_192 })
    for (const batch of ["abc", "de"]) near.link.send(batch)
    far.link.send(batchOf(8_192))
    dial()
    runtime.advance(500)
    expect(network.carried).toEqual({ up: { bytes: 5, batches: 2 }, down: { bytes: 4_096, batches: 0 } })
    runtime.advance(500)
    expect([network.carried.down, network.dials]).toEqual([{ bytes: 8_192, batches: 1 }, 2])
  })

  it("refuses a limit that is not a positive number", () => {
    const { network } = open()
    for (const wrong of [0, -1, Number.NaN]) {
      expect(() => network.limit({ upBytesPerSecond: wrong })).toThrow(/upBytesPerSecond: .* above 0/)
    }
  })
})
