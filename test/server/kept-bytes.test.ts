import { setImmediate as turn } from "node:timers/promises"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import type { Acceptor, Door, Hub, Link, LinkSink, Peer, PeerClosing, Refusal, WebHubOptions } from "everwire/server"
import { createHub } from "everwire/server"
import { createVirtualRuntime, type VirtualRuntime } from "everwire/testing"
import { describe, expect, it } from "vitest"
import { MAX_SPARE_LINKS } from "../../src/server/sessions/spare-links.ts"
import { DIAL_DEADLINE_MS } from "../../src/wire/defaults.ts"

/** The hub's end of a link. It takes all batches, unless the test sets `bufferedBytes`. */
class Wire implements Link {
  readonly name = "wire"
  bufferedBytes = 0
  readonly said: string[] = []
  closedWith: string | undefined
  isCut = false
  readonly #sink: LinkSink

  constructor(door: Door, address?: string) {
    this.#sink = door.admit(this, { transport: "wire", address, header: () => undefined })
  }
  send(batch: string | Uint8Array): void {
    this.said.push(...String(batch).split("\n"))
  }
  close({ code }: { code: string }): void {
    this.closedWith ??= code
  }
  abandon(): void {
    this.isCut = true
  }
  hear(...packets: string[]): void {
    this.#sink.batch(packets.join("\n"))
  }
  leave(): void {
    this.#sink.closed({ code: "network", reason: "", retryable: true })
  }
}

interface World {
  readonly hub: Hub
  readonly runtime: VirtualRuntime
  /** The peers that ended, in that order: the number of the session and the closing. */
  readonly ended: [session: number, closing: PeerClosing][]
  readonly refused: Refusal[]
  open(address?: string): Wire
  hello(session: number, turn?: number): string
  /** Begins a session over a new link, and sends its first packet. */
  join(session: number): { wire: Wire; peer: Peer }
}

function start(limits: WebHubOptions["limits"], options: WebHubOptions = {}): World {
  const runtime = createVirtualRuntime()
  let door: Door | undefined
  const acceptor: Acceptor = {
    name: "wire",
    open(opened) {
      door = opened
      return {}
    },
  }
  const hub = createHub({ ...options, limits, runtime, transports: [acceptor] })
  const ended: World["ended"] = []
  const refused: Refusal[] = []
  hub.onRefused((refusal) => refused.push(refusal))
  const hello = (session: number, turn = 1): string => {
    const id = `session-number-${String(session).padStart(12, "0")}`
    return `h${JSON.stringify({ v: 1, id, key: `key-of-${id}`, heard: 0, acked: 0, turn })}`
  }
  const open = (address?: string): Wire => {
    if (door === undefined) throw new Error("the hub has not opened its door")
    return new Wire(door, address)
  }
  return {
    hub,
    runtime,
    ended,
    refused,
    open,
    hello,
    join(session) {
      const wire = open()
      const before = new Set(hub.peers.keys())
      wire.hear(hello(session))
      wire.hear("n1", 'mused\t""')
      const peer = [...hub.peers.values()].find(({ id }) => !before.has(id))
      if (peer === undefined) throw new Error(`no session has begun: ${wire.said.at(-1)}`)
      peer.onClose((closing) => ended.push([session, closing]))
      return { wire, peer }
    },
  }
}

const MANY = 20

/** Runs the garbage collector. */
async function collect(): Promise<void> {
  setFlagsFromString("--expose-gc")
  for (let times = 0; times < 5; times++) {
    runInNewContext("gc")()
    await turn()
  }
}

describe("the bytes that a hub keeps for all sessions", () => {
  it("count a broadcast once, so that sessions with a short interruption are not ended for it", () => {
    const { hub, join, ended } = start({ maxKeptBytes: 1_000_000 })
    for (let session = 1; session <= MANY; session++) join(session).wire.leave()
    hub.send("news", "x".repeat(300_000))
    expect([hub.peers.size, ended]).toEqual([MANY, []])
    expect(hub.stats().keptBytes).toBeGreaterThan(300_000)
    expect(hub.stats().keptBytes).toBeLessThan(320_000)
  })

  it("count the room that the hub takes for a peer that does not keep up, before it takes it", () => {
    const { hub, join } = start({ maxKeptBytes: 2_000_000 })
    const peers = Array.from({ length: MANY }, (_, session) => {
      const { wire, peer } = join(session)
      wire.leave()
      peer.send("news", "x".repeat(66_000))
      return peer
    })
    for (const peer of peers) {
      peer.send("news", "x")
      expect(hub.stats().keptBytes).toBeLessThan(2_000_000)
    }
    expect(hub.stats().ended["over-capacity"]).toBeGreaterThan(0)
  })

  it("are outside of the engine's heap where a peer does not keep up, so that its garbage collector does not copy them", async () => {
    const { hub, join } = start({})
    const { peer, wire } = join(1)
    wire.leave()
    await collect()
    const before = process.memoryUsage()
    for (let n = 0; n < 8_000; n++) peer.send("news", `${n}`.padEnd(1_000, "x"))
    await collect()
    const { heapUsed, arrayBuffers } = process.memoryUsage()
    expect(heapUsed - before.heapUsed).toBeLessThan(1_000_000)
    expect(arrayBuffers - before.arrayBuffers).toBeGreaterThan(7_500_000)
    expect(hub.stats().keptBytes).toBeGreaterThan(arrayBuffers - before.arrayBuffers)
    peer.close()
    await collect()
    expect(process.memoryUsage().arrayBuffers - before.arrayBuffers).toBeLessThan(500_000)
  })

  it("are told apart when their peer ends: messages that did not arrive, and requests", async () => {
    const { join, ended } = start({})
    const { peer, wire } = join(1)
    wire.leave()
    for (let n = 0; n < 300; n++) peer.send("news", `${n}`.padEnd(400, "x"))
    for (let n = 0; n < 10; n++) void peer.request("ask", n).catch(() => {})
    await Promise.resolve()
    peer.close()
    expect(ended).toEqual([[1, expect.objectContaining({ undelivered: 300 })]])
  })

  it("count a message to a room once", () => {
    const { hub, join } = start({ maxKeptBytes: 1_000_000 })
    for (let session = 1; session <= MANY; session++) {
      const { wire, peer } = join(session)
      peer.join("room")
      wire.leave()
    }
    hub.to("room").send("news", "x".repeat(300_000))
    expect(hub.peers.size).toBe(MANY)
    expect(hub.stats().keptBytes).toBeLessThan(320_000)
  })

  it("are never above the limit, also within one tick, whether sessions have links or not", () => {
    const { hub, join, ended } = start({ maxKeptBytes: 1_000_000 })
    const peers = Array.from({ length: MANY }, (_, session) => {
      const { wire, peer } = join(session)
      if (session % 2 === 0) wire.leave()
      return peer
    })
    for (const peer of peers) {
      peer.send("news", `${peer.id}${"x".repeat(200_000)}`)
      expect(hub.stats().keptBytes).toBeLessThanOrEqual(1_000_000)
    }
    expect(hub.peers.size).toBeGreaterThanOrEqual(3)
    expect(hub.peers.size + ended.length).toBe(MANY)
  })

  it("above the limit end the sessions that hold most, with a code for the peer, for onRefused and for stats()", () => {
    const { hub, join, ended, refused } = start({ maxKeptBytes: 1_000_000 })
    const sizes = [10_000, 300_000, 100_000, 200_000]
    const peers = sizes.map((_, session) => join(session))
    peers[1]?.wire.leave()
    for (const [session, size] of sizes.entries()) peers[session]?.peer.send("news", "x".repeat(size))
    expect(ended).toEqual([])
    peers[0]?.peer.send("news", "x".repeat(200_000))
    expect(ended).toEqual([[1, expect.objectContaining({ code: "over-capacity", retryable: true, undelivered: 1 })]])
    expect(refused).toEqual([expect.objectContaining({ code: "over-capacity", stage: "session" })])
    expect(hub.stats()).toMatchObject({ sessions: 3, ended: { "over-capacity": 1 }, refused: { "over-capacity": 1 } })
  })

  it("end a session that takes nothing before one that holds more and takes it", () => {
    const { runtime, join, ended } = start({ maxKeptBytes: 1_000_000 })
    const [taking, stalled, third] = [join(1), join(2), join(3)]
    taking.peer.send("news", "x".repeat(100))
    runtime.advance(1_000)
    stalled.peer.send("news", "x".repeat(200_000))
    taking.peer.send("news", "x".repeat(300_000))
    taking.wire.hear("a1")
    third.peer.send("news", "x".repeat(1_000))
    // This message exceeds the limit.
    third.peer.send("news", "x".repeat(250_000))
    expect(ended.map(([session]) => session)).toEqual([2])
  })

  it("count a text with a unit above U+00FF in two bytes per unit", () => {
    const { hub, join } = start({ maxKeptBytes: 10_000_000 })
    const { wire, peer } = join(1)
    wire.leave()
    peer.send("news", "€".repeat(100_000))
    const { keptBytes } = hub.stats()
    expect(keptBytes).toBeGreaterThan(200_000)
    expect(peer.bufferedBytes).toBeGreaterThan(200_000)
    expect(keptBytes).toBeLessThan(210_000)
  })

  it("count the parts of unfinished messages of peers", () => {
    const { hub, join, ended } = start({ maxKeptBytes: 1_000_000 })
    for (let session = 1; session <= MANY; session++) {
      const { wire } = join(session)
      wire.hear(`fmlong\t${"x".repeat(60_000)}`)
      expect(hub.stats().keptBytes).toBeLessThanOrEqual(1_000_000)
    }
    expect(ended.length).toBeGreaterThan(5)
    expect(new Set(ended.map(([, { code }]) => code))).toEqual(new Set(["over-capacity"]))
  })

  it("hold only the parts of a message, not the other packets of the same batches", async () => {
    const { join, runtime } = start({})
    const { wire } = join(1)
    await collect()
    const before = process.memoryUsage().heapUsed
    for (let n = 0; n < 1_000; n++) {
      const other = `t{"turn":0,"heard":0,"ignored":"${String(n).padEnd(16_000, "x")}"}`
      wire.hear(`f${n === 0 ? "mtext" : ""}${"x".repeat(99)}`, other)
      runtime.advance(5)
    }
    await collect()
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(5_000_000)
    expect(wire.closedWith).toBe(undefined)
  })

  it("count what links have buffered, and cut the links of a session that is ended for that", () => {
    const { hub, join, ended } = start({ maxKeptBytes: 1_000_000 })
    const [stuck, other] = [join(1), join(2)]
    stuck.wire.bufferedBytes = 900_000
    for (let times = 0; times < 6; times++) other.peer.send("news", "x".repeat(90_000))
    expect(ended.map(([session]) => session)).toEqual([1])
    expect([stuck.wire.isCut, other.wire.isCut, hub.peers.size]).toEqual([true, false, 1])
  })

  it("above the limit end a session with a bye, if its link still takes one, so that its channel begins anew", () => {
    const { join } = start({ maxKeptBytes: 1_000 })
    const { wire, peer } = join(1)
    expect(peer.send("news", "x".repeat(10_000))).toBe(false)
    expect(JSON.parse(wire.said.at(-1)?.slice(1) ?? "")).toMatchObject({ code: "over-capacity", retryable: true })
    expect(wire.closedWith).toBe("over-capacity")
  })
})

describe("a session that has ended", () => {
  it("releases what it held, although the application keeps the peer", async () => {
    const { join } = start({})
    const { wire, peer } = join(1)
    wire.leave()
    const payloads = Array.from({ length: 5 }, () => {
      const payload = new Uint8Array(100_000)
      peer.send("pixels", payload)
      return new WeakRef(payload.buffer)
    })
    expect(peer.bufferedBytes).toBeGreaterThan(500_000)
    const { arrayBuffers } = process.memoryUsage()
    peer.close()
    expect(peer.bufferedBytes).toBe(0)
    await collect()
    expect(payloads.every((payload) => payload.deref() === undefined)).toBe(true)
    expect(process.memoryUsage().arrayBuffers).toBeLessThan(arrayBuffers - 400_000)
    expect(peer.closed).toBe(true)
  })

  it("never begins again: when the hub can remember no more ended sessions, it begins no new ones", () => {
    const { hub, runtime, join, open, hello } = start({ maxSessions: 3 })
    const heard: number[] = []
    hub.on("said", (number) => void heard.push(number as number))
    for (let session = 1; session <= 3; session++) {
      join(session).wire.hear(`msaid\t${session}`, 'b{"code":"closed","reason":"","retryable":false}')
    }
    expect([hub.peers.size, heard]).toEqual([0, [1, 2, 3]])
    for (let session = 1; session <= 3; session++) {
      const late = open()
      late.hear(hello(session), "n1", 'mused\t""', `msaid\t${session}`)
      expect(late.closedWith).toBe("closed-by-peer")
    }
    const next = open()
    next.hear(hello(4))
    expect([next.closedWith, heard]).toEqual(["over-capacity", [1, 2, 3]])
    // All dials of that time are over, so the oldest ended session may be forgotten.
    runtime.advance(DIAL_DEADLINE_MS)
    expect(join(5).wire.closedWith).toBe(undefined)
  })
})

describe("the links of one session", () => {
  it("are the current one and a few spares: above that limit the oldest spare is closed", () => {
    const { open, hello, join } = start({})
    const { wire } = join(1)
    const spares = Array.from({ length: MAX_SPARE_LINKS + 2 }, () => {
      const spare = open()
      spare.hear(hello(1, 0))
      return spare
    })
    const closed = spares.map(({ closedWith }) => closedWith)
    expect(closed.slice(0, 3)).toEqual(["superseded", "superseded", undefined])
    expect(closed.filter((code) => code === undefined).length).toBe(MAX_SPARE_LINKS)
    expect(wire.closedWith).toBe(undefined)
  })

  it("are closed when they do not take the answers to their probes", () => {
    const { open, hello, join } = start({})
    join(1)
    const spare = open()
    spare.hear(hello(1, 0))
    spare.bufferedBytes = 262_145
    spare.hear("p1")
    expect(spare.closedWith).toBe("buffer-full")
  })
})

describe("links without a welcome", () => {
  it("from one address are refused above its share, and others are admitted", () => {
    const { runtime, open, hello, hub } = start({ maxUnwelcomedLinks: 10, maxUnwelcomedLinksPerAddress: 3 })
    const greedy = Array.from({ length: 20 }, () => open("203.0.113.7"))
    runtime.advance(1)
    expect(greedy.filter(({ closedWith }) => closedWith === "over-capacity").length).toBe(17)
    expect(hub.stats()).toMatchObject({ unwelcomedLinks: 3, refused: { "over-capacity": 17 } })
    const other = open("203.0.113.8")
    runtime.advance(1)
    other.hear(hello(1))
    expect(other.closedWith).toBe(undefined)
  })

  it("are counted by network where the address is IPv6, and their place is free again when they end", () => {
    const { runtime, open, hello } = start({ maxUnwelcomedLinksPerAddress: 1 })
    const first = open("2001:db8:1:2::1")
    runtime.advance(1)
    const second = open("2001:db8:1:2::ffff")
    const elsewhere = open("2001:db8:1:3::1")
    runtime.advance(1)
    expect([first, second, elsewhere].filter(({ closedWith }) => closedWith === "over-capacity").length).toBe(1)
    expect(elsewhere.closedWith).toBe(undefined)
    for (const link of [first, second]) link.hear(hello(1))
    const third = open("2001:db8:1:2::2")
    runtime.advance(1)
    expect(third.closedWith).toBe(undefined)
  })
})

describe("a payload", () => {
  it("is measured in bytes of UTF-8: 600,000 euro signs are more than 1 MiB", () => {
    const { hub, join } = start({})
    let isHeard = false
    hub.on("text", () => {
      isHeard = true
    })
    const { wire } = join(1)
    wire.hear(`mtext\t"${"€".repeat(340_000)}"`)
    expect([isHeard, wire.closedWith]).toEqual([true, undefined])
    isHeard = false
    wire.hear(`mtext\t"${"€".repeat(600_000)}"`)
    expect([isHeard, wire.closedWith]).toEqual([false, "too-large"])
  })
})
