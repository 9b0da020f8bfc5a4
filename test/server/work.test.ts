// How a hub divides its time between peers, and how much work one peer may cause.

import type { Closing } from "everwire"
import { createHub, type Hub, type Refusal } from "everwire/server"
import { createVirtualRuntime, type VirtualRuntime } from "everwire/testing"
import { describe, expect, it } from "vitest"
import { isNestedDeeper } from "../../src/server/limits/depth.ts"
import type { Acceptor, Batch, Door, Link, LinkSink } from "../../src/transports/transport.ts"
import { writeBye, writeHello, writeTake } from "../../src/wire/handshake.ts"

interface World {
  readonly hub: Hub
  readonly runtime: VirtualRuntime
  /** The data of the messages "m" that the hub's handler was given, of all peers. */
  readonly heard: unknown[]
  readonly refused: Refusal[]
  readonly door: Door
}

/** A hub with a transport whose links the test opens. */
function start(options: object = {}): World {
  const runtime = createVirtualRuntime()
  let door: Door | undefined
  const own: Acceptor = {
    name: "own",
    open(given) {
      door = given
      return {}
    },
  }
  const hub = createHub({ runtime, transports: ["long-poll", own], ...options })
  const heard: unknown[] = []
  const refused: Refusal[] = []
  hub.on("m", (data) => heard.push(data))
  hub.onRefused((refusal) => refused.push(refusal))
  if (door === undefined) throw new Error("the hub has not opened its transports")
  return { hub, runtime, heard, refused, door }
}

interface Opened {
  readonly sink: LinkSink
  /** The packets that the hub sent on this link. */
  readonly down: string[]
  /** The closing with which the hub closed the link. */
  closed: Closing | undefined
  /** The bytes that the hub sent. This link never hands them on, so they all count as buffered. */
  bufferedBytes: number
}

function open({ door }: World, id: string, { turn = 1, address = "", more = "" } = {}): Opened {
  const down: string[] = []
  const opened = { down, closed: undefined as Closing | undefined, bufferedBytes: 0 }
  const link: Link = {
    name: "own",
    get bufferedBytes() {
      return opened.bufferedBytes
    },
    send(batch) {
      opened.bufferedBytes += batch.length
      down.push(...String(batch).split("\n"))
    },
    close: (why) => {
      opened.closed = why
    },
  }
  const origin = { transport: "own", address: address || undefined, header: () => undefined }
  const sink = door.admit(link, origin)
  sink.batch(helloOf(id, turn) + more)
  return Object.assign(opened, { sink })
}

const idOf = (name: string): string => name.padEnd(24, "-")
const keyOf = (name: string): string => `key-${name}`.padEnd(24, "-")
const holder = "h".repeat(24)
const helloOf = (name: string, turn: number, heard = 0): string =>
  writeHello({ v: 1, id: idOf(name), key: keyOf(name), heard, acked: 0, turn, holder })

/** A batch of numbered messages "m", which begins with their position. */
function messages(count: number, from = 1): Batch {
  return [`n${from}`, ...Array.from({ length: count }, (_, n) => `mm\t${from + n}`)].join("\n")
}
const upTo = (count: number): number[] => Array.from({ length: count }, (_, n) => n + 1)

describe("what one peer sends in one tick", () => {
  it("is heard at once when it is little, and in slices in the same order when it is much", async () => {
    const world = start()
    open(world, "little").sink.batch(messages(20))
    expect(world.heard).toEqual(upTo(20))
    world.heard.length = 0
    open(world, "much").sink.batch(messages(5_000))
    expect(world.heard.length).toBeGreaterThan(100)
    expect(world.heard.length).toBeLessThan(500)
    await world.runtime.pass(50)
    expect(world.heard).toEqual(upTo(5_000))
  })

  it("does not delay any other peer", async () => {
    const world = start()
    const other = open(world, "other")
    open(world, "much").sink.batch(messages(5_000))
    const before = world.heard.length
    other.sink.batch('n1\nmm\t"me too"')
    expect(world.heard.slice(before)).toEqual(["me too"])
    await world.runtime.pass(50)
    expect(world.heard.filter((data) => data !== "me too")).toEqual(upTo(5_000))
  })

  it("is heard in order, whatever number of batches it comes in", async () => {
    const world = start()
    const { sink } = open(world, "many")
    sink.batch("n1")
    for (const n of upTo(3_000)) sink.batch(`mm\t${n}`)
    expect(world.heard.length).toBeLessThan(500)
    await world.runtime.pass(50)
    expect(world.heard).toEqual(upTo(3_000))
  })

  it("is heard in slices too when it is large in bytes", async () => {
    const world = start()
    const packets = ["n1", ...upTo(1_000).map((n) => `mm\t${n}`)].map((packet) => new TextEncoder().encode(packet))
    const batch = new Uint8Array(packets.reduce((sum, { length }) => sum + 4 + length, 0))
    let at = 0
    for (const packet of packets) {
      new DataView(batch.buffer).setUint32(at, packet.length)
      batch.set(packet, at + 4)
      at += 4 + packet.length
    }
    open(world, "bytes").sink.batch(batch)
    expect(world.heard.length).toBeLessThan(500)
    await world.runtime.pass(50)
    expect(world.heard).toEqual(upTo(1_000))
  })

  it("is heard in slices too when it comes with the hello", async () => {
    const world = start()
    const { down } = open(world, "riding", { more: `\n${messages(1_500)}` })
    expect(down[0]).toContain('"resumed":false')
    expect(world.heard.length).toBeGreaterThan(0)
    expect(world.heard.length).toBeLessThan(500)
    await world.runtime.pass(50)
    expect(world.heard).toEqual(upTo(1_500))
  })

  it("is heard once and in order when it comes in several batches while the hello is judged", async () => {
    let allow: ((principal: { id: string }) => void) | undefined
    const judged = new Promise<{ id: string }>((resolve) => {
      allow = resolve
    })
    const world = start({ authenticate: () => judged })
    const { sink } = open(world, "judged", { more: `\n${messages(500)}` })
    sink.batch(
      upTo(500)
        .map((n) => `mm\t${500 + n}`)
        .join("\n"),
    )
    expect(world.heard).toEqual([])
    allow?.({ id: "ada" })
    await world.runtime.pass(50)
    expect(world.heard).toEqual(upTo(1_000))
  })

  it("is acknowledged only as far as it was heard", async () => {
    const world = start()
    const { sink, down } = open(world, "acked")
    sink.batch(messages(2_000))
    expect(sink.acknowledgement?.()).toBe(`a${world.heard.length}`)
    sink.batch("p7")
    await world.runtime.pass(50)
    expect(down.at(-1)).toBe("a2000,7")
  })

  it("is heard to its end when the link ends after it, and only then the peer is disconnected", async () => {
    const world = start()
    const { sink } = open(world, "cut")
    sink.batch(messages(2_000))
    sink.closed({ code: "network", reason: "cut", retryable: true })
    const [peer] = world.hub.peers.values()
    expect(peer?.connected).toBe(true)
    await world.runtime.pass(50)
    expect(world.heard).toEqual(upTo(2_000))
    expect(peer?.connected).toBe(false)
  })

  it("is heard to its end before a bye in the same batch", async () => {
    const world = start()
    let heardBefore = 0
    world.hub.onPeer((peer) => peer.onClose(() => (heardBefore = world.heard.length)))
    const { sink } = open(world, "bye")
    sink.batch(`${String(messages(2_000))}\nb{"code":"closed","reason":"done","retryable":false}`)
    sink.closed({ code: "network", reason: "gone", retryable: true })
    await world.runtime.pass(50)
    expect(heardBefore).toBe(2_000)
    expect(world.hub.peers.size).toBe(0)
  })

  it("is heard to its end before a bye beside the links, however long that takes", async () => {
    const world = start({ limits: { maxMessagesPerSecond: 100 } })
    let heardBefore = 0
    world.hub.onPeer((peer) => peer.onClose(() => (heardBefore = world.heard.length)))
    open(world, "leaver").sink.batch(messages(600))
    const why = { code: "closed", reason: "done", retryable: false } as const
    world.door.leave?.(writeBye(why, { id: idOf("leaver"), key: keyOf("leaver"), said: 600 }))
    await world.runtime.pass(6_000)
    expect(heardBefore).toBe(600)
    expect(world.hub.peers.size).toBe(0)
  })

  it("is heard once when another link takes over in the middle and repeats it", async () => {
    const world = start()
    open(world, "mover").sink.batch(messages(2_000))
    const spare = open(world, "mover", { turn: 0 })
    const heard = world.heard.length
    spare.sink.batch(`${writeTake({ turn: 2, heard: 0 })}\n${String(messages(2_500 - heard, heard + 1))}`)
    await world.runtime.pass(100)
    expect(world.heard).toEqual(upTo(2_500))
  })

  it("is not heard further when a handler closes the peer", async () => {
    const world = start()
    world.hub.on("m", (data, peer) => {
      if (data === 700) peer.close("enough")
    })
    const opened = open(world, "closed")
    opened.sink.batch(messages(2_000))
    await world.runtime.pass(50)
    expect(world.heard).toEqual(upTo(700))
    expect(opened.closed?.code).toBe("closed-by-peer")
    expect(opened.sink.isBusy).toBe(false)
  })

  it("does not let a link take the session after the hub has closed that link", async () => {
    const world = start()
    open(world, "taken")
    const spare = open(world, "taken", { turn: 0 })
    spare.sink.batch(`${Array.from({ length: 1_000 }, () => "p1").join("\n")}\n${writeTake({ turn: 9, heard: 0 })}`)
    // Another holder presents the key, so that the links of the first holder are closed.
    const hello = writeHello({
      v: 1,
      id: idOf("taken"),
      key: keyOf("taken"),
      heard: 0,
      acked: 0,
      turn: 5,
      holder: "other".repeat(5),
    })
    const down: string[] = []
    const link: Link = {
      name: "own",
      bufferedBytes: 0,
      send: (batch) => void down.push(String(batch)),
      close: () => {},
    }
    world.door.admit(link, { transport: "own", address: undefined, header: () => undefined }).batch(hello)
    await world.runtime.pass(50)
    expect(spare.closed?.code).toBe("session-taken")
    const [peer] = world.hub.peers.values()
    peer?.send("still", "here")
    await world.runtime.pass(1)
    expect(down.join("\n")).toContain("mstill\t")
  })

  it("makes the sink busy until all of it was heard", async () => {
    const world = start()
    const { sink } = open(world, "busy")
    expect(sink.isBusy).toBe(false)
    sink.batch(messages(2_000))
    let idleAt = 0
    sink.whenIdle?.(() => (idleAt = world.heard.length))
    expect(sink.isBusy).toBe(true)
    await world.runtime.pass(50)
    expect([sink.isBusy, idleAt]).toEqual([false, 2_000])
  })

  it("is not heard further when the answers to it are not taken: the link is closed with buffer-full", async () => {
    const world = start({ limits: { maxMessagesPerSecond: Infinity, maxBytesPerSecond: Infinity } })
    const opened = open(world, "deaf")
    const probes = Array.from({ length: 60_000 }, () => "p9007199254740991").join("\n")
    for (let n = 0; n < 6; n++) opened.sink.batch(probes)
    await world.runtime.pass(2_000)
    expect(opened.closed?.code).toBe("buffer-full")
    expect(opened.bufferedBytes).toBeLessThan(4_000_000)
  })

  it("ends the link with protocol-error when a batch has more packets than a batch may have", async () => {
    const world = start({ limits: { maxMessagesPerSecond: Infinity } })
    const opened = open(world, "empty")
    opened.sink.batch(Array.from({ length: 70_000 }, () => "p1").join("\n"))
    await world.runtime.pass(2_000)
    expect(opened.closed).toMatchObject({ code: "protocol-error", reason: "too many packets in a batch" })
  })
})

describe("how much a peer may send", () => {
  it("is slowed above its messages per second, and rate-limited when it never pauses; no message is lost", async () => {
    const world = start({ limits: { maxMessagesPerSecond: 100 } })
    const opened = open(world, "flood")
    opened.sink.batch(messages(2_000))
    await world.runtime.pass(1_000)
    expect(world.heard.length).toBeGreaterThanOrEqual(490)
    expect(world.heard.length).toBeLessThan(530)
    expect(opened.closed).toBeUndefined()
    await world.runtime.pass(5_000)
    expect(opened.closed).toMatchObject({ code: "rate-limited", retryable: true, retryAfterMs: 3_000 })
    expect(opened.down.at(-1)).toContain('"code":"rate-limited"')
    expect(world.refused).toMatchObject([{ code: "rate-limited", stage: "session", transport: "own" }])
    const heard = world.heard.length
    await world.runtime.pass(5_000)
    expect(world.heard.length).toBe(heard)
    const next = open(world, "flood", { turn: 2 })
    expect(next.down[0]).toContain(`"heard":${heard}`)
    next.sink.batch(messages(600, heard + 1))
    await world.runtime.pass(5_000)
    expect(world.heard).toEqual(upTo(heard + 600))
  })

  it("is slowed above its bytes per second", async () => {
    const world = start({ limits: { maxBytesPerSecond: 10_000 } })
    const { sink } = open(world, "bytes")
    const large = Array.from({ length: 30 }, () => `mm\t"${"x".repeat(2_000)}"`)
    sink.batch(["n1", ...large].join("\n"))
    expect(world.heard.length).toBeLessThan(22)
    await world.runtime.pass(3_000)
    expect(world.heard.length).toBe(30)
  })

  it("is more than a game, a paste, a feed, or an office of 500 people behind one address needs", async () => {
    const world = start()
    const address = "203.0.113.7"
    const office = Array.from({ length: 500 }, (_, n) => open(world, `office-${n}`, { address }))
    for (const { sink } of office) sink.batch("n1")
    const feed = open(world, "feed", { address })
    feed.sink.batch("n1")
    open(world, "paste", { address }).sink.batch(messages(5_000))
    // Half a minute of 500 games with 60 messages a second each would run too long. This is 2 s with 25 a second each.
    for (let tick = 0; tick < 100; tick++) {
      for (const { sink } of office) if (tick % 2 === 0) sink.batch("mm\t0")
      feed.sink.batch(Array.from({ length: 40 }, () => "mm\t0").join("\n"))
      await world.runtime.pass(20)
    }
    await world.runtime.pass(100)
    expect(world.heard.length).toBe(50 * 500 + 100 * 40 + 5_000)
    expect(world.refused).toEqual([])
  })

  it("has no limit where the limits are Infinity", async () => {
    const world = start({ limits: { maxMessagesPerSecond: Infinity, maxBytesPerSecond: Infinity } })
    const { sink } = open(world, "free")
    sink.batch("n1")
    for (let n = 0; n < 50; n++) sink.batch(Array.from({ length: 1_000 }, () => "mm\t0").join("\n"))
    await world.runtime.pass(500)
    expect(world.heard.length).toBe(50_000)
  })

  it("is shared by the peers of one address", async () => {
    const world = start({ limits: { maxMessagesPerSecond: 100, maxShareOfAddress: 2 } })
    for (let n = 0; n < 4; n++) open(world, `twin-${n}`, { address: "203.0.113.9" }).sink.batch(messages(400))
    await world.runtime.pass(1_000)
    expect(world.heard.length).toBeLessThan(1_100)
    const other = open(world, "other", { address: "203.0.113.10" })
    other.sink.batch(messages(100, 1))
    await world.runtime.pass(10)
    expect(world.heard.filter((data) => data === 100).length).toBeGreaterThan(0)
  })
})

describe("how much a peer may make the hub send", () => {
  /** A hub with ten peers, which broadcasts each message of one of them to all ten. */
  function startRoom(limits: object): World & { readonly sender: Opened } {
    const world = start({ limits })
    world.hub.on("m", () => world.hub.send("to all"))
    for (let n = 0; n < 9; n++) open(world, `listener-${n}`)
    return { ...world, sender: open(world, "sender") }
  }

  it("is limited per second: the excess waits, and idle time earns no more than a short burst", async () => {
    const { runtime, heard, sender } = startRoom({ maxFanOutPerSecond: 1_000 })
    await runtime.pass(10_000)
    sender.sink.batch(messages(200))
    expect(heard.length).toBeLessThanOrEqual(8)
    await runtime.pass(1_000)
    expect(heard.length).toBeGreaterThan(95)
    expect(heard.length).toBeLessThan(115)
    await runtime.pass(1_000)
    expect(heard).toEqual(upTo(200))
  })

  it("ends the link of a peer that never pauses with rate-limited, and no waiting message is lost", async () => {
    const world = startRoom({ maxFanOutPerSecond: 1_000 })
    world.sender.sink.batch(messages(1_000))
    await world.runtime.pass(4_000)
    expect(world.sender.closed).toMatchObject({ code: "rate-limited", retryable: true, retryAfterMs: 3_000 })
    const heard = world.heard.length
    const next = open(world, "sender", { turn: 2 })
    expect(next.down[0]).toContain(`"heard":${heard}`)
    next.sink.batch(messages(100, heard + 1))
    await world.runtime.pass(2_000)
    expect(world.heard).toEqual(upTo(heard + 100))
  })

  it("is limited for messages that come with the hello too", async () => {
    const world = startRoom({ maxFanOutPerSecond: 1_000 })
    await world.runtime.pass(10_000)
    open(world, "riding", { more: `\n${messages(200)}` })
    expect(world.heard.length).toBeLessThanOrEqual(8)
    await world.runtime.pass(3_000)
    expect(world.heard).toEqual(upTo(200))
  })

  it("counts at most 3,000 packets sent for one packet heard", async () => {
    const { hub, runtime, heard, door, refused } = start({ limits: { maxFanOutPerSecond: 30_000 } })
    hub.on("m", (_data, peer) => {
      for (let n = 0; n < 10_000; n++) peer.send("more")
    })
    const { sink } = open({ hub, runtime, heard, door, refused }, "sender")
    sink.batch(messages(10))
    await runtime.pass(1_000)
    expect(heard).toEqual(upTo(10))
  })

  it("does not count what the application sends outside of a handler", async () => {
    const { hub, runtime, heard, sender } = startRoom({ maxFanOutPerSecond: 1_000 })
    for (let n = 0; n < 1_000; n++) hub.send("news")
    sender.sink.batch(messages(1))
    sender.sink.batch("mm\t2")
    expect(heard).toEqual(upTo(2))
    await runtime.pass(0)
  })
})

describe("requests of a peer that are being answered", () => {
  /** A batch of requests, each with a payload of `bytes` characters. */
  const requests = (count: number, bytes: number, from = 1): string =>
    Array.from({ length: count }, (_, n) => `q${from + n}\tslow\t"${"x".repeat(bytes)}"`).join("\n")

  it("may hold maxRequestBytes; one more fails with rate-limited, and an answer makes room again", async () => {
    const world = start({ limits: { maxRequestBytes: 10_000 } })
    const answers: ((value: unknown) => void)[] = []
    world.hub.handle("slow", () => new Promise((resolve) => answers.push(resolve)))
    const { sink, down } = open(world, "asker")
    sink.batch(`n1\n${requests(12, 488)}`)
    await world.runtime.pass(10)
    expect(answers.length).toBe(9)
    expect(down.filter((packet) => packet.startsWith("x") && packet.includes('"rate-limited"')).length).toBe(3)
    answers[0]?.("done")
    await world.runtime.pass(10)
    sink.batch(requests(1, 488, 20))
    await world.runtime.pass(10)
    expect(answers.length).toBe(10)
  })

  it("count until their handlers have ended, although they were cancelled or their id is used again", async () => {
    const world = start({ limits: { maxRequestBytes: 10_000 } })
    let calls = 0
    world.hub.handle("slow", () => {
      calls++
      return new Promise(() => {})
    })
    const { sink } = open(world, "canceller")
    sink.batch(`n1\n${Array.from({ length: 50 }, (_, n) => `${requests(1, 488, n)}\nc${n}\t`).join("\n")}`)
    sink.batch(Array.from({ length: 50 }, () => requests(1, 488, 77)).join("\n"))
    await world.runtime.pass(10)
    expect(calls).toBe(9)
  })

  it("start a lazy thenable once: its `then` is called only once", async () => {
    const world = start()
    let asked = 0
    world.hub.handle("lazy", () => ({
      // biome-ignore lint/suspicious/noThenProperty: query builders are such
      then(resolve: (value: string) => void) {
        asked++
        resolve("rows")
      },
    }))
    const { sink, down } = open(world, "lazy")
    sink.batch("n1\nq1\tlazy\t")
    await world.runtime.pass(10)
    expect([asked, down.at(-1)]).toEqual([1, 'r1\t"rows"'])
  })
})

describe("a payload", () => {
  it.each([
    ["arrays", "[".repeat(1_001) + "]".repeat(1_001)],
    ["objects", `${'{"a":'.repeat(1_001)}1${"}".repeat(1_001)}`],
    ["openings alone", "[".repeat(1_000_000)],
    ["openings behind a string with quotes", `["\\"[\\\\",${"[".repeat(1_001)}${"]".repeat(1_002)}`],
  ])("that is nested too deep (%s) is not parsed, and ends the session with too-large", async (_, json) => {
    const world = start()
    const opened = open(world, "deep")
    opened.sink.batch(`n1\nmm\t${json}`)
    await world.runtime.pass(10)
    expect(opened.closed).toMatchObject({ code: "too-large", retryable: false })
    expect(opened.closed?.reason).toContain("1000 levels")
    expect([world.heard, world.hub.peers.size]).toEqual([[], 0])
  })

  it.each([
    ["as deep as it may be", "[".repeat(1_000) + "]".repeat(1_000)],
    ["with brackets in strings", JSON.stringify(["[".repeat(5_000), '"[{'.repeat(2_000), "\\".repeat(3_001)])],
    ["wide", JSON.stringify(Array.from({ length: 5_000 }, () => [{ a: [] }]))],
  ])("that is %s is accepted", async (_, json) => {
    const world = start()
    open(world, "wide").sink.batch(`n1\nmm\t${json}`)
    await world.runtime.pass(10)
    expect(world.heard).toEqual([JSON.parse(json)])
  })

  it("is checked after the header of its packet, whatever the name of the packet is", () => {
    const deep = "[".repeat(200)
    expect(isNestedDeeper(`m"\t${deep}`, 50)).toBe(true)
    expect(isNestedDeeper(`m${"[".repeat(100)}\t"x"`, 50)).toBe(false)
    expect(isNestedDeeper(`q1\t"[\t${deep}`, 50)).toBe(true)
    expect(isNestedDeeper(`r1\t${deep}`, 200)).toBe(false)
  })
})

describe("hellos", () => {
  it("of one address are refused with rate-limited above their number per second", async () => {
    const world = start({ limits: { maxHellosPerSecond: 10 } })
    const opened = Array.from({ length: 60 }, (_, n) => open(world, `h-${n}`, { address: "2001:db8::1" }))
    await world.runtime.pass(1)
    const refused = opened.filter(({ closed }) => closed?.code === "rate-limited")
    expect(refused.length).toBe(60 - 41)
    expect(refused[0]?.closed?.retryAfterMs).toBeGreaterThan(0)
    expect(world.refused[0]).toMatchObject({ code: "rate-limited", stage: "hello" })
    // IPv6 addresses of one network count as one household; another network does not.
    expect(open(world, "n-1", { address: "2001:db8::2" }).closed?.code).toBe("rate-limited")
    expect(open(world, "n-2", { address: "2001:db9::2" }).closed).toBeUndefined()
    await world.runtime.pass(1_000)
    expect(open(world, "later", { address: "2001:db8::1" }).closed).toBeUndefined()
  })

  it("are judged a limited number at once, a quarter of it for one address; the others wait", async () => {
    const pending: (() => void)[] = []
    const asked: string[] = []
    const world = start({
      limits: { maxAuthentications: 8 },
      authenticate: ({ origin }: { origin: { address: string } }) => {
        asked.push(origin.address)
        return new Promise((resolve) => pending.push(() => resolve({ id: "me" })))
      },
    })
    const greedy = Array.from({ length: 20 }, (_, n) => open(world, `g-${n}`, { address: "203.0.113.1" }))
    expect(asked.length).toBe(2)
    for (let n = 0; n < 10; n++) open(world, `o-${n}`, { address: `198.51.100.${n}` })
    expect(asked.length).toBe(8)
    while (pending.length > 0) {
      pending.shift()?.()
      await world.runtime.pass(1)
    }
    expect(asked.length).toBe(30)
    expect(world.hub.peers.size).toBe(30)
    expect(greedy.every(({ down }) => down[0]?.startsWith("w"))).toBe(true)
  })

  it.each([
    ["at once", [17_000]],
    ["bit by bit", [8_000, 8_000, 8_000]],
  ])("are counted while they are judged, and end with too-large when more than 16 KiB comes %s", async (_, sizes) => {
    const world = start({ authenticate: () => new Promise(() => {}) })
    const opened = open(world, "judged")
    expect(world.hub.stats()).toMatchObject({ authenticating: 1, unwelcomedLinks: 1 })
    for (const size of sizes) opened.sink.batch(`mm\t"${"x".repeat(size)}"`)
    expect(opened.closed).toMatchObject({ code: "too-large" })
    expect(world.hub.stats()).toMatchObject({ unwelcomedLinks: 0, refused: { "too-large": 1 } })
  })

  it("that `authenticate` does not answer hold their place for at most five seconds", async () => {
    let calls = 0
    const world = start({
      limits: { maxAuthentications: 2 },
      authenticate: () => {
        calls++
        return calls <= 2 ? new Promise(() => {}) : { id: "me" }
      },
    })
    world.hub.onError(() => {})
    for (let n = 0; n < 3; n++) open(world, `hung-${n}`)
    expect(calls).toBe(2)
    await world.runtime.pass(5_001)
    const next = open(world, "next")
    await world.runtime.pass(1)
    expect(next.down[0]).toMatch(/^w/)
  })
})

describe("errors without a listener", () => {
  it("are reported ten of a kind in a second, and the others are counted", async () => {
    const reported: unknown[] = []
    const warned: string[] = []
    const virtual = createVirtualRuntime()
    const runtime = Object.assign(Object.create(virtual) as VirtualRuntime, {
      report: (error: unknown) => void reported.push(error),
      warn: (message: string) => void warned.push(message),
    })
    const world = start({ runtime })
    world.hub.on("bad", (data) => {
      throw data === 1 ? new TypeError("one kind") : new RangeError("another kind")
    })
    const { sink } = open(world, "bad")
    const bad = (count: number, data: number): string => Array.from({ length: count }, () => `mbad\t${data}`).join("\n")
    sink.batch(`n1\n${bad(500, 1)}\n${bad(3, 2)}`)
    await virtual.pass(100)
    expect(reported.length).toBe(13)
    await virtual.pass(1_000)
    expect(warned.filter((line) => line.includes("490 more errors (TypeError)")).length).toBe(1)
    sink.batch(bad(1, 1))
    await virtual.pass(10)
    expect(reported.length).toBe(14)
    await virtual.pass(3_000)
    expect(warned.filter((line) => line.includes("more errors")).length).toBe(1)
  })

  it("are reported up to 64 KiB of messages in a second", async () => {
    const reported: unknown[] = []
    const virtual = createVirtualRuntime()
    const runtime = Object.assign(Object.create(virtual) as VirtualRuntime, {
      report: (error: unknown) => void reported.push(error),
      warn: () => {},
    })
    const world = start({ runtime })
    world.hub.on("bad", (data) => {
      throw new Error(String(data))
    })
    const large = JSON.stringify("x".repeat(30_000))
    open(world, "large").sink.batch(`n1\n${Array.from({ length: 8 }, () => `mbad\t${large}`).join("\n")}`)
    await virtual.pass(100)
    expect(reported.length).toBe(2)
  })
})

describe("requests over HTTP", () => {
  const ask = async (world: World, envelope: object, batch: string, address: string): Promise<Response | undefined> => {
    let answer: Response | undefined
    const body = `@${JSON.stringify(envelope)}${batch && `\n${batch}`}`
    const request = new Request("http://hub/everwire/long-poll", { method: "POST", body })
    void world.hub.fetch(request, address).then((response) => {
      answer = response
    })
    // The stream of a Request's body is read in macrotasks, which virtual time does not run.
    for (let turn = 0; turn < 5 && answer === undefined; turn++) {
      await new Promise((resolve) => setImmediate(resolve))
      await world.runtime.pass(0)
    }
    return answer
  }
  const begin = async (world: World, name: string, address: string): Promise<string> => {
    const answer = await ask(world, { up: 1, poll: 1 }, helloOf(name, 1), address)
    return /"link":"([^"]+)"/.exec((await answer?.text()) ?? "")?.[1] ?? ""
  }

  it("on one link are answered 429 with Retry-After above their number per second, and heard when they are repeated", async () => {
    const world = start({ limits: { maxExchangesPerSecond: 5 } })
    const link = await begin(world, "http", "203.0.113.4")
    let up = 1
    let answer: Response | undefined
    do answer = await ask(world, { link, up: ++up }, up === 2 ? "n1\nmm\t2" : `mm\t${up}`, "203.0.113.4")
    while (answer?.status === 200)
    expect(answer?.status).toBe(429)
    expect(Number(answer?.headers.get("retry-after"))).toBeGreaterThan(0)
    expect(await answer?.text()).toContain('"code":"rate-limited"')
    expect(up).toBe(23)
    expect(world.refused.at(-1)).toMatchObject({ code: "rate-limited", stage: "session", transport: "long-poll" })
    await world.runtime.pass(1_000)
    expect((await ask(world, { link, up }, `mm\t${up}`, "203.0.113.4"))?.status).toBe(200)
    expect(world.heard).toEqual(upTo(23).slice(1))
  })

  it("of one address are answered 429 above their number, with or without links", async () => {
    const world = start({ limits: { maxExchangesPerSecond: 5, maxShareOfAddress: 2 } })
    const statuses: (number | undefined)[] = []
    for (let n = 0; n < 45; n++)
      statuses.push((await ask(world, { link: "no-such-link-anywhere", up: 2 }, "", "203.0.113.5"))?.status)
    expect(statuses.filter((status) => status === 404).length).toBe(41)
    expect(statuses.at(-1)).toBe(429)
    expect(world.refused.at(-1)).toMatchObject({ code: "rate-limited", stage: "request", address: "203.0.113.5" })
    expect((await ask(world, { link: "no-such-link-anywhere", up: 2 }, "", "203.0.113.6"))?.status).toBe(404)
  })

  it("with many packets are answered only after all of them were heard", async () => {
    const world = start({ limits: { maxMessagesPerSecond: 1_000 } })
    const link = await begin(world, "upload", "203.0.113.4")
    const answering = ask(world, { link, up: 2 }, String(messages(5_000)), "203.0.113.4")
    expect(await answering).toBeUndefined()
    let heard = 0
    const second = new Request("http://hub/everwire/long-poll", {
      method: "POST",
      body: `@{"link":"${link}","up":3}\nmm\t5001`,
    })
    const answered = world.hub.fetch(second).then(async (response) => {
      heard = world.heard.length
      return await response.text()
    })
    for (let n = 0; n < 10; n++) {
      await new Promise((resolve) => setImmediate(resolve))
      await world.runtime.pass(200)
    }
    expect(await answered).toContain("a5001")
    expect(heard).toBe(5_001)
    expect(world.heard).toEqual(upTo(5_001))
  })

  it("whose envelope is very long are refused before it is parsed", async () => {
    const world = start()
    const answer = await ask(world, { link: "x".repeat(20_000) }, "", "203.0.113.4")
    expect(answer?.status).toBe(413)
    expect(await answer?.text()).toContain("too-large")
  })
})

it("limits that are not numbers above 0 are misuse", () => {
  for (const value of [0, -1, Number.NaN, "5"]) {
    expect(() => createHub({ limits: { maxMessagesPerSecond: value as number } })).toThrowError(/maxMessagesPerSecond/)
  }
})
