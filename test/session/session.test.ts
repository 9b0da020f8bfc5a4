import { createVirtualRuntime, type VirtualRuntime } from "everwire/testing"
import { describe, expect, it } from "vitest"
import { CHANNEL_ACK } from "../../src/client/channel-session.ts"
import { HUB_ACK } from "../../src/server/settings.ts"
import { Clockwork } from "../../src/session/clockwork.ts"
import type { Link } from "../../src/session/link.ts"
import { HIGH_WATER_BYTES, WINDOW_BYTES } from "../../src/session/pace.ts"
import { Session, type SessionSettings } from "../../src/session/session.ts"
import { createTraffic } from "../../src/session/traffic.ts"
import { allocatePacket, type Batch, decodeBatch, type Packet } from "../../src/wire/batch.ts"
import { BATCH_BYTES, LINK_BUFFER_BYTES, MAX_OUTBOX_BYTES, PACKET_OVERHEAD_BYTES } from "../../src/wire/defaults.ts"
import { protocolError } from "../../src/wire/errors.ts"
import { kindOf } from "../../src/wire/packet.ts"

const HUB: SessionSettings = {
  ...HUB_ACK,
  heartbeatMs: 20_000,
  heartbeatTimeoutMs: 30_000,
  maxOutboxBytes: MAX_OUTBOX_BYTES,
}
const CHANNEL: SessionSettings = {
  ...CHANNEL_ACK,
  heartbeatMs: 20_000,
  heartbeatTimeoutMs: 30_000,
  maxOutboxBytes: MAX_OUTBOX_BYTES,
}
const PROTOCOL_ERROR: unknown = expect.objectContaining({ code: "protocol-error" })

/** A link that records what is sent on it. */
class TestLink implements Link {
  readonly name = "test"
  bufferedBytes = 0
  /** How often the other end has asked for more. Undefined on a link whose other end does not ask. */
  asked: number | undefined
  readonly sent: Batch[] = []
  send(batch: Batch): void {
    this.sent.push(batch)
  }
  close(): void {}
  /** Removes and returns the packets that were sent. */
  take(): Packet[] {
    return this.sent.splice(0).flatMap(decodeBatch)
  }
}

interface Desk {
  readonly runtime: VirtualRuntime
  readonly session: Session
  readonly link: TestLink
  /** The calls that the session made to its host, in order. */
  readonly told: string[]
}

function desk(settings: SessionSettings = HUB): Desk {
  const runtime = createVirtualRuntime()
  const told: string[] = []
  const session = new Session(
    new Clockwork(runtime),
    {
      traffic: createTraffic(),
      deliver: (packet) => told.push(`deliver ${packet}`),
      control: (_, packet) => told.push(`control ${packet}`),
      doubted: () => told.push("doubted"),
      silent: () => told.push("silent"),
      answered: () => told.push("answered"),
    },
    settings,
  )
  return { runtime, session, link: new TestLink(), told }
}

/** A session whose link is up and has carried nothing yet. */
function linked(settings?: SessionSettings): Desk {
  const it = desk(settings)
  it.session.attach(it.link, { heard: 0 })
  return it
}

/** The packets of the application: without marks, acks and positions. */
function sayings(packets: readonly Packet[]): Packet[] {
  return packets.filter((packet) => !"pan".includes(kindOf(packet)))
}

/** The marks among the packets. */
function marksOf(packets: readonly Packet[]): string[] {
  return packets.filter((packet) => kindOf(packet) === "p").map(String)
}

/** The answer to a mark that was not queued on its way. */
function answerTo(mark: string, heard: number): string {
  return `a${heard},${mark.slice(1).split(",")[0]},0`
}

/** A message four times as large as the window of a link of unknown rate. */
const LARGE = `mx\t${"x".repeat(BATCH_BYTES)}`

describe("saying", () => {
  it("sends all packets of one tick as one batch, after its position on the link", () => {
    const { runtime, session, link } = linked()
    session.say("mx\t1")
    session.say("mx\t2")
    expect(link.sent).toEqual([])
    runtime.drain()
    expect(link.sent).toEqual(["n1\nmx\t1\nmx\t2"])
    session.say("mx\t3")
    runtime.drain()
    expect(link.sent.at(-1)).toBe("mx\t3")
  })

  it("waits for a link, and then sends all packets that are not acknowledged", () => {
    const { session, link } = desk()
    session.say("mx\t1")
    session.say("mx\t2")
    session.attach(link, { heard: 0 })
    expect(link.take()).toEqual(["n1", "mx\t1", "mx\t2"])
  })

  it("refuses a packet that the outbox has no room for, and does not take it", () => {
    const { session } = desk({ ...HUB, maxOutboxBytes: 200 })
    session.say(`m${"x".repeat(100)}`)
    expect(() => session.say(`m${"x".repeat(100)}`)).toThrow(expect.objectContaining({ code: "buffer-full" }))
    expect(session.said).toBe(1)
  })

  it("takes a single packet above the outbox's bound, because it could never be sent otherwise", () => {
    const { session } = desk({ ...HUB, maxOutboxBytes: 10 })
    session.say(`m${"x".repeat(100)}`)
    expect(session.said).toBe(1)
  })

  it("gives a full link nothing more until the link is writable", () => {
    const { runtime, session, link } = linked()
    link.bufferedBytes = LINK_BUFFER_BYTES
    session.say("mx\t1")
    runtime.drain()
    expect(link.sent).toEqual([])
    link.bufferedBytes = 0
    session.writable(link)
    session.flushNow()
    expect(link.take()).toEqual(["n1", "mx\t1"])
  })

  it("gives a link nothing while the other end has not asked, and everything when it asks", () => {
    const { runtime, session, link } = linked()
    link.asked = 0
    for (const packet of ["mx\t1", "mx\t2"]) {
      session.say(packet)
      runtime.advance(1_000)
    }
    session.writable(link)
    session.flushNow()
    expect(link.sent).toEqual([])
    link.asked = 1
    session.writable(link)
    session.flushNow()
    expect(link.sent).toEqual(["n1\nmx\t1\nmx\t2"])
  })

  it("sends acks and answers probes although the other end has not asked", () => {
    const { runtime, session, link } = linked()
    link.asked = 0
    session.say("mx\t1")
    session.hear(link, ["n1", "mx\t2", "p7"])
    runtime.drain()
    expect(link.take()).toEqual(["a1,7"])
  })

  it("fills batches while little waits, whatever the size of the packets", () => {
    const { runtime, session, link } = linked()
    const packet = `mx\t${"x".repeat(400)}`
    for (let n = 0; n < 8; n++) session.say(packet)
    runtime.drain()
    expect(link.sent).toEqual([["n1", ...Array(8).fill(packet)].join("\n")])
  })

  it("sends a large packet in parts, and packets queued after it wait for its last part", () => {
    const { runtime, session, link } = linked()
    for (const packet of ["mx\t1", `mx\t${"x".repeat(5_000)}`, "mx\t2", "mx\t3"]) session.say(packet)
    runtime.drain()
    const packets = sayings(link.take())
    expect(packets.map(kindOf).join("")).toBe("mffffemm")
    expect(
      packets
        .slice(1, 6)
        .map((part) => part.slice(1))
        .join(""),
    ).toBe(`mx\t${"x".repeat(5_000)}`)
  })

  it("gives a link of unknown rate 16 KiB, in parts, and no more before the link answers", () => {
    const { runtime, session, link } = linked()
    session.say(LARGE)
    runtime.drain()
    const packets = link.take()
    expect(sayings(packets).map(kindOf).join("")).toBe("f".repeat(WINDOW_BYTES / 1_024))
    runtime.advance(1_000)
    expect(sayings(link.take())).toEqual([])
    const [mark = ""] = marksOf(packets).slice(-1)
    session.hear(link, [answerTo(mark, 0)])
    runtime.drain()
    expect(sayings(link.take()).length).toBeGreaterThan(0)
  })

  it("marks a burst with probes that carry the time, the first before the burst", () => {
    const { runtime, session, link } = linked()
    session.say(LARGE)
    runtime.drain()
    const packets = link.take()
    const now = runtime.now()
    expect(packets.slice(0, 2)).toEqual([`p1,${now}`, "n1"])
    expect(marksOf(packets)).toEqual(Array.from({ length: marksOf(packets).length }, (_, n) => `p${n + 1},${now}`))
    expect(marksOf(packets).length).toBeGreaterThan(1)
  })

  it("marks what a poll asks for at the moment when it is sent: one mark before all of it and one after", () => {
    const { runtime, session, link } = linked()
    Object.assign(link, { exchanges: true, asked: 0 })
    session.say(LARGE)
    runtime.advance(5_000)
    expect(link.take()).toEqual([])
    link.asked = 1
    session.writable(link)
    session.flushNow()
    const packets = link.take()
    const now = runtime.now()
    expect(marksOf(packets)).toEqual([`p1,${now}`, `p2,${now}`])
    expect([packets[0], packets.at(-1)]).toEqual(marksOf(packets))
  })

  it("sends no marks while little waits", () => {
    const { runtime, session, link } = linked()
    for (let n = 0; n < 50; n++) {
      session.say(`mx\t${"x".repeat(1_000)}`)
      runtime.drain()
      session.hear(link, [`a${session.said}`])
      runtime.advance(100)
    }
    expect(marksOf(link.take())).toEqual([])
  })

  it("has room below 4 KiB while the rate of its link is unknown, and none above", () => {
    const { session } = linked()
    session.say(`mx\t${"x".repeat(HIGH_WATER_BYTES - PACKET_OVERHEAD_BYTES - 4)}`)
    expect(session.hasRoom).toBe(true)
    session.say("m")
    expect(session.hasRoom).toBe(false)
  })

  it("has more room once marks have shown that its link carries more", () => {
    const { runtime, session, link } = linked()
    session.say(LARGE)
    for (let n = 0; n < 5 && session.acked === 0; n++) {
      runtime.advance(20)
      const packets = link.take()
      const heard = packets.some((packet) => kindOf(packet) === "e") ? 1 : 0
      session.hear(link, [...marksOf(packets).map((mark) => answerTo(mark, 0)), `a${heard}`])
    }
    expect([session.acked, session.bufferedBytes]).toEqual([1, 0])
    session.say(LARGE)
    expect(session.hasRoom).toBe(true)
  })

  it("has no room above half of its outbox, however fast its link is", () => {
    const { session } = linked({ ...HUB, maxOutboxBytes: 1_000 })
    session.say(`mx\t${"x".repeat(400)}`)
    expect(session.hasRoom).toBe(true)
    session.say(`mx\t${"x".repeat(40)}`)
    expect(session.hasRoom).toBe(false)
  })
})

describe("a packet whose link is lost in the middle of it", () => {
  /**
   * A session that was given a large packet and a small one after it, and has sent the first window of the large one.
   */
  function cut(): Desk {
    const it = linked()
    it.session.say(LARGE)
    it.session.say("mx\tlast")
    it.runtime.drain()
    return it
  }

  it("continues on the next link where the other side stopped hearing it, as the position tells", () => {
    const { runtime, session, link } = cut()
    session.linkLost(link)
    const next = new TestLink()
    session.attach(next, { heard: 0, part: 10_000 })
    runtime.drain()
    const packets = next.take()
    expect(packets).toContain("n1+10000")
    const [first = ""] = sayings(packets)
    expect(first).toBe(`f${LARGE.slice(10_000, 11_024)}`)
  })

  it("restarts from its beginning where the other side has heard nothing of it", () => {
    const { runtime, session } = cut()
    const next = new TestLink()
    session.attach(next, { heard: 0 })
    runtime.drain()
    const packets = next.take()
    expect(packets).toContain("n1")
    expect(sayings(packets)[0]).toBe(`f${LARGE.slice(0, 1_024)}`)
  })

  it("restarts from its beginning where the other side claims to have heard more of it than there is", () => {
    const { runtime, session } = cut()
    const next = new TestLink()
    session.attach(next, { heard: 0, part: LARGE.length })
    runtime.drain()
    expect(next.take()).toContain("n1")
  })

  it("is finished when the other side has heard all of it, and the next packet goes whole", () => {
    const { runtime, session } = cut()
    const next = new TestLink()
    session.attach(next, { heard: 1 })
    runtime.drain()
    expect(next.take()).toEqual(["n2", "mx\tlast"])
  })

  it("counts as unsent when the session ends, because no part of it can be delivered as a message", () => {
    const { session } = cut()
    expect(session.end()).toEqual({ unacknowledged: [LARGE, "mx\tlast"], unsent: 2 })
  })

  it("counts as sent once its last part was given to the link", () => {
    const { runtime, session } = linked()
    session.say(`mx\t${"x".repeat(5_000)}`)
    runtime.drain()
    expect(session.end().unsent).toBe(0)
  })

  it("is heard once from parts on both links, and meanwhile the session tells how much of it has come", () => {
    const { session, link, told } = linked()
    session.hear(link, ["n1", "fmx\tab", "fcd"])
    expect([session.heard, session.part]).toEqual([0, 7])
    const next = new TestLink()
    session.attach(next, { heard: 0 })
    session.hear(next, ["n1+7", "eef"])
    expect([told, session.heard, session.part]).toEqual([["deliver mx\tabcdef"], 1, undefined])
  })

  it("is heard once where the next link repeats it in parts of another size", () => {
    const { session, link, told } = linked()
    session.hear(link, ["n1", "fmx\tab", "fcd"])
    const next = new TestLink()
    session.attach(next, { heard: 0 })
    session.hear(next, ["n1+2", "f\tabc", "edef", "mx\t2"])
    expect(told).toEqual(["deliver mx\tabcdef", "deliver mx\t2"])
  })

  it("is heard once where the next link repeats it whole", () => {
    const { session, link, told } = linked()
    session.hear(link, ["n1", "fmx\tab"])
    const next = new TestLink()
    session.attach(next, { heard: 0 })
    session.hear(next, ["n1", "mx\tabcdef", "mx\t2"])
    expect([told, session.part]).toEqual([["deliver mx\tabcdef", "deliver mx\t2"], undefined])
  })

  it("that was heard already is skipped when it comes again in parts", () => {
    const { session, link, told } = linked()
    session.hear(link, ["n1", "mx\tabcdef"])
    const next = new TestLink()
    session.attach(next, { heard: 0 })
    session.hear(next, ["n1", "fmx\tab", "ecdef", "mx\t2"])
    expect(told).toEqual(["deliver mx\tabcdef", "deliver mx\t2"])
  })

  it("keeps its place when the same link is attached again", () => {
    const { session, link, told } = linked()
    session.hear(link, ["n1", "fmx\tab"])
    session.attach(link, { heard: 0 })
    session.hear(link, ["ecd"])
    expect(told).toEqual(["deliver mx\tabcd"])
  })
})

describe("parts of a packet", () => {
  it.each([
    ["join to a packet of a kind that is none", ["n1", "fhello", "e\tx"]],
    ["join to a packet that is not numbered", ["n1", "fa", "e1"]],
  ])("end the link when they %s", (_, packets) => {
    const { session, link, told } = linked()
    expect(() => session.hear(link, packets)).toThrow(PROTOCOL_ERROR)
    expect(told).toEqual([])
  })

  it("end the link when they are so small that keeping them costs more than their content", () => {
    const { session, link } = linked()
    expect(() => session.hear(link, ["n1", "fmx\t", ...Array.from({ length: 2_000 }, () => "f1")])).toThrow(
      PROTOCOL_ERROR,
    )
  })

  it("end the link when they are empty", () => {
    const { session, link } = linked()
    expect(() => session.hear(link, ["n1", "fmx\t", ...Array.from({ length: 2_000 }, () => "f")])).toThrow(
      PROTOCOL_ERROR,
    )
  })
})

describe("attaching another link", () => {
  it("tells the session's host what the other side acknowledged with it, because a caller may wait for room", () => {
    const { session, link, told } = linked()
    session.say("mx\t1")
    session.flushNow()
    session.linkLost(link)
    told.length = 0
    session.attach(new TestLink(), { heard: 1 })
    expect(told).toEqual(["answered"])
  })

  it("replays from the first packet that the other side has not heard, and forgets those before", () => {
    const { runtime, session, link } = linked()
    for (const n of [1, 2, 3]) session.say(`mx\t${n}`)
    runtime.drain()
    const next = new TestLink()
    session.attach(next, { heard: 2 })
    expect(next.take()).toEqual(["n3", "mx\t3"])
    expect([session.acked, session.link]).toEqual([2, next])
    session.say("mx\t4")
    runtime.drain()
    expect(link.take()).toHaveLength(4)
    expect(next.take()).toEqual(["mx\t4"])
  })

  it("does not repeat packets that rode with the hello", () => {
    const { session, link } = desk()
    for (const n of [1, 2, 3]) session.say(`mx\t${n}`)
    const { packets, sent } = session.ride()
    expect([packets, sent]).toEqual([["n1", "mx\t1", "mx\t2", "mx\t3"], 3])
    session.say("mx\t4")
    session.attach(link, { heard: 0 }, sent)
    expect(link.take()).toEqual(["n4", "mx\t4"])
  })

  it("refuses another side that claims to have heard more than was sent", () => {
    const { session, link } = desk()
    session.say("mx\t1")
    expect(() => session.attach(link, { heard: 2 })).toThrow(PROTOCOL_ERROR)
  })

  it("sends the opening packets first, once", () => {
    const { runtime, session, link } = desk()
    session.attach(link, { heard: 0 }, 0, "w{}")
    session.say("mx\t1")
    runtime.drain()
    expect(link.take()).toEqual(["w{}", "n1", "mx\t1"])
  })

  it("continues after an ack that is ahead of the replay, and sends its new position", () => {
    const { runtime, session, link } = linked()
    for (const n of [1, 2, 3, 4]) session.say(`mx\t${n}`)
    runtime.drain()
    const next = new TestLink()
    next.bufferedBytes = LINK_BUFFER_BYTES
    session.attach(next, { heard: 0 })
    next.bufferedBytes = 0
    session.hear(next, ["a3"])
    runtime.drain()
    expect(next.take()).toEqual(["n4", "mx\t4"])
    expect(link.take()).toHaveLength(5)
  })

  it("keeps the other side's position when the same link is attached again", () => {
    const { session, link, told } = linked()
    session.hear(link, ["n1", "mx\t1"])
    session.attach(link, { heard: 0 })
    session.hear(link, ["mx\t2"])
    expect(told).toEqual(["deliver mx\t1", "deliver mx\t2"])
  })

  it("lets only small text packets ride with a hello, in order, while there is room", () => {
    const { session } = desk()
    session.say(`mx\t${"x".repeat(2_000)}`)
    session.say(`mx\t${"x".repeat(2_000)}`)
    session.say("mx\tsmall")
    expect(session.ride().sent).toBe(1)
  })
})

describe("hearing", () => {
  it("does not count an unreadable packet as heard, whole or in parts, so that the next link brings it again", () => {
    const runtime = createVirtualRuntime()
    const delivered: Packet[] = []
    const session = new Session(
      new Clockwork(runtime),
      {
        traffic: createTraffic(),
        deliver(packet) {
          if (packet === "mx\t{") throw protocolError("a payload that is not JSON")
          delivered.push(packet)
        },
        control() {},
        doubted() {},
        silent() {},
        answered() {},
      },
      HUB,
    )
    const brought = [
      ["n1", "mx\t1", "mx\t{", "mx\t3"],
      ["n2", "fmx\t", "e{"],
      ["n2", "fzx\t", "e2"],
    ]
    for (const packets of brought) {
      const link = new TestLink()
      session.attach(link, { heard: 0 })
      expect(() => session.hear(link, packets)).toThrow(PROTOCOL_ERROR)
      expect([session.heard, session.part, session.acknowledgement(link)]).toEqual([1, undefined, "a1"])
      session.linkLost(link)
    }
    const link = new TestLink()
    session.attach(link, { heard: 0 })
    session.hear(link, ["n2", "mx\t2", "mx\t3"])
    expect(delivered).toEqual(["mx\t1", "mx\t2", "mx\t3"])
  })

  it("delivers each number once, in order, whatever is repeated", () => {
    const { session, link, told } = linked()
    session.hear(link, ["n1", "mx\t1", "mx\t2"])
    const next = new TestLink()
    session.attach(next, { heard: 0 })
    session.hear(next, ["n1", "mx\t1", "mx\t2", "mx\t3"])
    expect(told).toEqual(["deliver mx\t1", "deliver mx\t2", "deliver mx\t3"])
    expect(session.heard).toBe(3)
  })

  it("ignores late packets of an old link, but answers its probes", () => {
    const { session, link, told } = linked()
    session.attach(new TestLink(), { heard: 0 })
    session.hear(link, ["n1", "mx\t1", "a0", "p7"])
    expect([told, link.take()]).toEqual([[], ["a0,7"]])
  })

  it.each<[string, Packet[]]>([
    ["a gap", ["n1", "mx\t1", "n3"]],
    ["a position of nothing", ["n0"]],
    ["a number before any position", ["mx\t1"]],
    ["a part before any position", ["fmx\t1"]],
    ["a packet between the parts of another", ["n1", "fmx\t1", "mx\t2"]],
    ["a position in a packet of which less was heard", ["n1", "fmx\t1", "n1+5"]],
    ["a position in a packet of which nothing was heard", ["n1+1"]],
    ["a position whose part is no count", ["n1+x"]],
    ["a mark whose clock is no count", ["p1,x"]],
    ["an ack of what was never said", ["a1"]],
    ["an ack that is no count", ["ax"]],
    ["a probe that is no count", ["p"]],
    ["bytes of an unknown kind", [Uint8Array.of(122)]],
    ["bytes of a kind that is text", [Uint8Array.of(97, 49)]],
    ["an empty binary packet", [new Uint8Array()]],
  ])("refuses %s", (_, packets) => {
    const { session, link } = linked()
    expect(() => session.hear(link, packets)).toThrow(PROTOCOL_ERROR)
  })

  it("refuses the answer to a mark whose queuing delay is not a count", () => {
    const { runtime, session, link } = linked()
    session.say(LARGE)
    runtime.drain()
    expect(() => session.hear(link, ["a0,1,x"])).toThrow(PROTOCOL_ERROR)
  })

  it("refuses parts that together are larger than a packet may be", () => {
    const { session, link } = linked({ ...HUB, maxPacketBytes: 10 })
    session.hear(link, ["n1", "fmx\t12", "f34567"])
    expect(() => session.hear(link, ["f8"])).toThrow(expect.objectContaining({ code: "too-large" }))
  })

  it("passes packets of the handshake, and text packets of unknown kinds, to its host", () => {
    const { session, link, told } = linked()
    session.hear(link, ["t{}", "?"])
    expect(told).toEqual(["control t{}", "control ?"])
  })

  it("hears no more of a batch once its host has ended it", () => {
    const runtime = createVirtualRuntime()
    const link = new TestLink()
    let delivered = 0
    const session = new Session(
      new Clockwork(runtime),
      {
        traffic: createTraffic(),
        deliver() {
          delivered++
          session.end()
        },
        control() {},
        doubted() {},
        silent() {},
        answered() {},
      },
      HUB,
    )
    session.attach(link, { heard: 0 })
    session.hear(link, ["n1", "mx\t1", "mx\t2"])
    expect([delivered, runtime.pending()]).toEqual([1, 0])
  })
})

describe("acknowledging", () => {
  it("sends an owed ack when it is due, for everything heard by then", () => {
    const { runtime, session, link } = linked()
    session.hear(link, ["n1", "mx\t1"])
    runtime.advance(100)
    session.hear(link, ["mx\t2"])
    runtime.advance(149)
    expect(link.take()).toEqual([])
    runtime.advance(1)
    expect(link.take()).toEqual(["a2"])
  })

  it("sends an ack at once after the agreed number of packets", () => {
    const { runtime, session, link } = linked()
    session.hear(link, ["n1", ...Array.from({ length: HUB.ackPackets }, (_, n) => `mx\t${n}`)])
    runtime.drain()
    expect(link.take()).toEqual([`a${HUB.ackPackets}`])
  })

  it("sends an ack at once after the agreed number of bytes", () => {
    const { runtime, session, link } = linked()
    session.hear(link, ["n1", `mx\t${"x".repeat(HUB.ackBytes)}`])
    runtime.drain()
    expect(link.take()).toEqual(["a1"])
  })

  it("sends an ack at once after the agreed number of bytes in parts of one packet, and not for each part", () => {
    const { runtime, session, link } = linked()
    session.hear(link, ["n1"])
    const part = `f${"m".repeat(1_023)}`
    for (let n = 1; n < HUB.ackBytes / 1_024; n++) session.hear(link, [part])
    runtime.drain()
    expect(link.take()).toEqual([])
    session.hear(link, [part])
    runtime.drain()
    expect(link.take()).toEqual(["a0"])
  })

  it("adds an ack to an outgoing batch once half of its time has passed, and not before", () => {
    const { runtime, session, link } = linked()
    session.hear(link, ["n1", "mx\t1"])
    runtime.advance(100)
    session.say("my\t1")
    runtime.drain()
    expect(link.take()).toEqual(["n1", "my\t1"])
    runtime.advance(50)
    session.say("my\t2")
    runtime.drain()
    expect(link.take()).toEqual(["a1", "my\t2"])
    runtime.advance(1_000)
    expect(link.take()).toEqual([])
  })

  it("sends an ack before a large batch, so that the batch is not copied to add it", () => {
    const { runtime, session, link } = linked()
    // Parts become as large as a batch once the link has shown that it carries megabytes per second.
    const large = allocatePacket(BATCH_BYTES)
    for (let round = 0; round < 5; round++) {
      while (session.bufferedBytes < 12_000_000) session.say(large)
      runtime.advance(20)
      const packets = link.take()
      session.hear(
        link,
        marksOf(packets).map((mark) => answerTo(mark, session.acked)),
      )
      runtime.drain()
      session.hear(link, [...marksOf(link.take()).map((mark) => answerTo(mark, session.acked)), `a${session.said}`])
    }
    runtime.drain()
    link.take()
    session.hear(link, ["n1", "mx\t1"])
    runtime.advance(150)
    session.say(large)
    runtime.drain()
    const [leading, batch, ...others] = link.sent.filter((batch) => !String(batch).startsWith("p"))
    expect(leading).toBe("a1")
    expect((batch as Uint8Array).buffer).toBe(large.buffer)
    expect(others).toEqual([])
  })

  it("answers a probe with its token", () => {
    const { runtime, session, link } = linked()
    session.hear(link, ["n1", "mx\t1", "p42"])
    runtime.drain()
    expect(link.take()).toEqual(["a1,42"])
  })

  it("answers a mark with its queuing delay: its time above the quickest mark's, whatever the clocks show", () => {
    const { runtime, session, link } = linked()
    const skewMs = 777
    const answerToOneFrom = (agoMs: number): Packet[] => {
      session.hear(link, [`p42,${runtime.now() + skewMs - agoMs}`])
      runtime.drain()
      return link.take()
    }
    expect([500, 300, 450, 300].map(answerToOneFrom)).toEqual([["a0,42,0"], ["a0,42,0"], ["a0,42,150"], ["a0,42,0"]])
  })

  it("measures the queuing delay of each link anew", () => {
    const { runtime, session, link } = linked()
    session.hear(link, [`p1,${runtime.now() - 20}`])
    runtime.drain()
    const next = new TestLink()
    session.attach(next, { heard: 0 })
    session.hear(next, [`p2,${runtime.now() - 400}`])
    runtime.drain()
    expect(next.take()).toEqual(["a0,2,0"])
  })

  it("compares the first mark of a link with the welcome's clock, because the welcome was not queued", () => {
    const { runtime, session } = linked(CHANNEL)
    const skewMs = 777_000
    const welcomed = new TestLink()
    // The welcome took 50 ms and the mark 351 ms. In the second between them the clocks may drift apart by 0.25 ms.
    session.welcomed({ clock: runtime.now() - 50 + skewMs }, runtime.now() - 100, runtime.now())
    session.attach(welcomed, { heard: 0 })
    runtime.advance(1_000)
    session.hear(welcomed, [`p7,${runtime.now() - 351 + skewMs}`])
    runtime.drain()
    expect(welcomed.take()).toEqual(["a0,7,300"])
  })

  it.each<[title: string, follow: (session: Session, now: number) => void]>([
    ["that was welcomed without one", (session, now) => session.welcomed({}, now - 100, now)],
    ["behind the one that was welcomed", (session) => session.attach(new TestLink(), { heard: 0 })],
  ])("does not use the clock of a welcome for a link %s", (_, follow) => {
    const { runtime, session } = linked(CHANNEL)
    const now = runtime.now()
    session.welcomed({ clock: now - 50 }, now - 100, now)
    follow(session, now)
    const next = new TestLink()
    session.attach(next, { heard: 0 })
    session.hear(next, [`p7,${now - 350}`])
    runtime.drain()
    expect(next.take()).toEqual(["a0,7,0"])
  })

  it("lets two clocks drift apart by half a second in an hour without taking that for a queue", () => {
    const { runtime, session, link } = linked()
    const queues: unknown[] = []
    for (let step = 0; step < 360; step++) {
      session.hear(link, [`p1,${Math.floor(runtime.now() - 20 - (500 * step) / 360)}`])
      runtime.drain()
      queues.push(link.take().at(-1))
      runtime.advance(10_000)
    }
    expect(new Set(queues)).toEqual(new Set(["a0,1,0"]))
  })

  it("answers a mark on a link that is not the current one with no queuing delay", () => {
    const { session, link } = linked()
    session.attach(new TestLink(), { heard: 0 })
    session.hear(link, ["p7,1000"])
    expect(link.take()).toEqual(["a0,7"])
  })

  it("makes room in the outbox, and tells the host", () => {
    const { runtime, session, link, told } = linked()
    session.say("mx\t1")
    runtime.drain()
    expect(session.bufferedBytes).toBeGreaterThan(0)
    session.hear(link, ["a1"])
    expect([session.bufferedBytes, session.acked, told]).toEqual([0, 1, ["answered"]])
    session.hear(link, ["a1"])
    expect(told).toEqual(["answered"])
  })
})

describe("over HTTP, where what goes alone is an exchange", () => {
  function overHttp(): Desk {
    const it = desk()
    const link = Object.assign(new TestLink(), { exchanges: true })
    it.session.attach(link, { heard: 0 })
    it.session.hear(link, ["n1"])
    return { ...it, link }
  }

  it("an ack is sent alone only after four times as many packets", () => {
    const { runtime, session, link } = overHttp()
    for (let n = 1; n < 4 * HUB_ACK.ackPackets; n++) session.hear(link, ["mx\t1"])
    runtime.drain()
    expect(link.take()).toEqual([])
    session.hear(link, ["mx\t1"])
    runtime.drain()
    expect(link.take()).toEqual(["a1024"])
  })

  it("an ack that an HTTP answer carries is no longer owed", () => {
    const { runtime, session, link } = overHttp()
    session.hear(link, ["mx\t1", "mx\t2"])
    expect(session.acknowledgement(link)).toBe("a2")
    runtime.advance(1_000)
    expect(link.take()).toEqual([])
    session.hear(link, ["mx\t3"])
    runtime.advance(HUB_ACK.ackMs)
    expect(link.take()).toEqual(["a3"])
  })

  it("each HTTP answer repeats the ack of the answer before, because that may have been lost", () => {
    const { session, link } = overHttp()
    session.hear(link, ["mx\t1"])
    expect([session.acknowledgement(link), session.acknowledgement(link)]).toEqual(["a1", "a1"])
  })

  it("an ack beside the link makes room, and the link is judged by what it brings all the same", () => {
    const { runtime, session, link, told } = linked(CHANNEL)
    session.say("mx\t1")
    runtime.drain()
    link.take()
    session.acknowledged(link, ["a1"])
    expect([session.bufferedBytes, session.acked, told]).toEqual([0, 1, ["answered"]])
    runtime.advance(2_000)
    expect(link.take()).toEqual(["p1"])
    runtime.advance(500)
    expect(told).toEqual(["answered", "doubted"])
  })

  it("an ack beside the link that the link repeats counts as progress, so that no further probe is sent", () => {
    const { runtime, session, link } = linked(CHANNEL)
    session.say("mx\t1")
    runtime.drain()
    link.take()
    session.acknowledged(link, ["a1"])
    runtime.advance(2_000)
    session.hear(link, ["a1,1"])
    link.take()
    runtime.advance(10_000)
    expect(link.take()).toEqual([])
  })

  it("an ack beside an old link is ignored, and another packet in place of an ack ends the link", () => {
    const { runtime, session, link, told } = linked(CHANNEL)
    session.say("mx\t1")
    runtime.drain()
    session.acknowledged(new TestLink(), ["a1"])
    expect([session.acked, told]).toEqual([0, []])
    for (const packet of ["mx\t1", "p1", "a2", new Uint8Array([97])]) {
      expect(() => session.acknowledged(link, [packet])).toThrow(PROTOCOL_ERROR)
    }
  })

  it("an HTTP answer on a link that is not the current one carries no ack", () => {
    const { session, link } = overHttp()
    session.hear(link, ["mx\t1"])
    expect(session.acknowledgement(new TestLink())).toBeUndefined()
  })
})

describe("a link that does not answer", () => {
  it("is probed by a channel, then doubted, and stays current meanwhile", () => {
    const { runtime, session, link, told } = linked(CHANNEL)
    session.say("mx\t1")
    runtime.advance(2_000)
    expect(link.take()).toEqual(["n1", "mx\t1", "p1"])
    runtime.advance(500)
    expect([told, session.link]).toEqual([["doubted"], link])
  })

  it("is probed when the rest of a packet does not come", () => {
    const { runtime, session, link } = linked(CHANNEL)
    session.hear(link, ["n1", "fmx\t1"])
    runtime.advance(1_999)
    expect(link.take()).toEqual([])
    runtime.advance(1)
    expect(link.take()).toEqual(["p1"])
  })

  it("has a probe in flight while a large message comes down, and is doubted when neither continues", () => {
    const { runtime, session, link, told } = linked(CHANNEL)
    session.hear(link, ["n1"])
    runtime.advance(500)
    session.hear(link, [`p1,${runtime.now() - 20}`, "mx\t1"])
    runtime.advance(0)
    expect(link.take()).toEqual(["a0,1,0", "p1"])
    runtime.advance(400)
    session.hear(link, ["a0,1", "mx\t2"])
    runtime.advance(100)
    session.hear(link, ["mx\t3"])
    expect(link.take()).toEqual(["p2"])
    runtime.advance(2_000 + 2 * 400 - 1)
    expect(told).not.toContain("doubted")
    runtime.advance(1)
    expect(told).toContain("doubted")
  })

  it("is probed when a large message stops, but not after its last answer", () => {
    const { runtime, session, link } = linked(CHANNEL)
    runtime.advance(100)
    session.hear(link, ["n1", `p1,${runtime.now() - 20}`, "mx\t1"])
    runtime.advance(1_999)
    expect(link.take()).toEqual(["a0,1,0"])
    runtime.advance(1)
    expect(link.take()).toEqual(["p1"])
    session.hear(link, ["a0,1"])
    runtime.advance(2_500)
    expect(link.take()).toEqual([])
  })

  it("is probed when packets that the welcome announced do not come, until all of them have come", () => {
    const { runtime, session, link } = linked(CHANNEL)
    session.welcomed({ said: 2 }, runtime.now() - 20, runtime.now())
    session.hear(link, ["n1", "mx\t1"])
    runtime.advance(2_000)
    expect(link.take()).toEqual(["p1"])
    session.hear(link, ["a0,1", "mx\t2"])
    runtime.advance(2_999)
    expect(link.take()).toEqual([])
  })

  it("is not doubted while a batch arrives in pieces", () => {
    const { runtime, session, link, told } = linked(CHANNEL)
    session.say("mx\t1")
    for (let n = 0; n < 10; n++) {
      runtime.advance(1_000)
      session.moved(link)
    }
    expect(told).toEqual([])
    runtime.advance(2_000)
    expect(told).toEqual(["doubted"])
  })

  it("is not doubted while a packet arrives in parts, but 2 s after the last of them", () => {
    const { runtime, session, link, told } = linked(CHANNEL)
    session.say("mx\t1")
    runtime.advance(2_000)
    expect(link.take()).toEqual(["n1", "mx\t1", "p1"])
    for (let n = 0; n < 10; n++) {
      session.hear(link, n === 0 ? ["n1", "fmx\t"] : ["fx"])
      runtime.advance(1_000)
    }
    expect(told).not.toContain("doubted")
    session.hear(link, ["e1"])
    runtime.advance(999)
    expect(told).not.toContain("doubted")
    runtime.advance(1)
    expect(told).toContain("doubted")
  })

  it("is doubted although a batch arrives in pieces on another link", () => {
    const { runtime, session, told } = linked(CHANNEL)
    session.say("mx\t1")
    for (let n = 0; n < 3; n++) {
      runtime.advance(1_000)
      session.moved(new TestLink())
    }
    expect(told).toEqual(["doubted"])
  })

  it("is not doubted while the answer may be in the queue that delayed the other side's marks", () => {
    const { runtime, session, link, told } = linked(CHANNEL)
    session.hear(link, [`p1,${runtime.now() - 20}`])
    session.say("mx\t1")
    runtime.advance(2_000)
    // It was queued for 799 ms: in two seconds the clocks may have drifted apart by 1 ms.
    session.hear(link, [`p2,${runtime.now() - 820}`])
    runtime.advance(3 * 799 - 1)
    expect(told).toEqual([])
    runtime.advance(1)
    expect(told).toEqual(["doubted"])
  })

  it("is not spared for longer than 7.5 s by a late mark, because a sleep of the machine is more likely", () => {
    const { runtime, session, link, told } = linked(CHANNEL)
    session.hear(link, [`p1,${runtime.now() - 20}`])
    session.say("mx\t1")
    runtime.advance(2_000)
    session.hear(link, [`p2,${runtime.now() - 60_000}`])
    runtime.advance(7_500)
    expect(told).toEqual(["doubted"])
  })

  it("gives its first probe four times as long as its dial took", () => {
    const { runtime, session, link, told } = linked(CHANNEL)
    session.welcomed({}, runtime.now() - 600, runtime.now())
    expect(session.rttMs).toBe(600)
    session.say("mx\t1")
    runtime.advance(2_000)
    link.take()
    runtime.advance(2_399)
    expect(told).toEqual([])
    runtime.advance(1)
    expect(told).toEqual(["doubted"])
  })

  it("forgets a delayed dial when the next dial was quick", () => {
    const { runtime, session, link } = linked(CHANNEL)
    session.probe(60_000)
    runtime.advance(80)
    session.hear(link, ["a0,1"])
    session.welcomed({}, runtime.now() - 1_900, runtime.now())
    expect(session.rttMs).toBe(1_900)
    session.welcomed({}, runtime.now() - 100, runtime.now())
    expect(session.rttMs).toBe(100)
  })

  it("does not take the dial as its round trip where the dial was quicker than what was measured", () => {
    const { runtime, session, link } = linked(CHANNEL)
    session.probe(60_000)
    runtime.advance(80)
    session.hear(link, ["a0,1"])
    session.welcomed({}, runtime.now() - 20, runtime.now())
    expect(session.rttMs).toBe(80)
  })

  it("is not doubted where an ack makes progress although the probe is not answered", () => {
    const { runtime, session, link, told } = linked(CHANNEL)
    session.say("mx\t1")
    session.say("mx\t2")
    runtime.advance(2_300)
    session.hear(link, ["a1"])
    runtime.advance(1_900)
    expect(told).toEqual(["answered"])
  })

  it("is probed every 5 s while it only receives and acks go in answers, to see whether anything goes up", () => {
    const { runtime, session, link } = linked(CHANNEL)
    session.hear(link, ["n1"])
    const probedAt: number[] = []
    const startedAt = runtime.now()
    for (let ms = 0; ms < 21_000; ms += 500) {
      session.hear(link, ["mx\t1"])
      session.acknowledgement(link)
      runtime.advance(500)
      for (const probe of marksOf(link.take())) {
        probedAt.push(runtime.now() - startedAt)
        session.hear(link, [`a0,${probe.slice(1)}`])
      }
    }
    expect(probedAt).toEqual([5_500, 10_500, 15_500, 20_500])
  })

  it("is trusted again when the probe is answered late, and the round trip is known", () => {
    const { runtime, session, link, told } = linked(CHANNEL)
    session.probe(60_000)
    runtime.advance(80)
    session.hear(link, ["a0,1"])
    expect([told, session.rttMs]).toEqual([["answered"], 80])
  })

  it("is ended by a hub after the heartbeat timeout, and not before", () => {
    const { runtime, session, told } = linked()
    runtime.advance(29_999)
    expect(told).toEqual([])
    runtime.advance(1)
    expect([told, session.link, runtime.pending()]).toEqual([["silent"], undefined, 0])
  })

  it("is kept alive by heartbeats", () => {
    const { runtime, session, link, told } = linked()
    for (let n = 0; n < 10; n++) {
      runtime.advance(25_000)
      session.hear(link, ["a0"])
    }
    expect(told).toEqual([])
    expect(link.take().length).toBeGreaterThanOrEqual(10)
  })

  it("is probed only once while a probe is in flight", () => {
    const { session, link } = linked(CHANNEL)
    session.probe()
    session.probe()
    expect(link.take()).toEqual(["p1"])
  })
})

describe("packets that were acknowledged before a mark was answered", () => {
  it("no longer count as in flight: a large message after small ones leaves at once", () => {
    const { runtime, session, link } = linked()
    session.say(`mx\t${"x".repeat(4_500)}`)
    runtime.drain()
    session.hear(link, ["a1,1,0"])
    for (let n = 0; n < 40; n++) {
      session.say(`mx\t${"x".repeat(900)}`)
      runtime.drain()
      session.hear(link, [`a${session.said}`])
    }
    link.take()
    session.say(`mx\t${"x".repeat(20_000)}`)
    runtime.drain()
    expect(sayings(link.take()).join("").length).toBeGreaterThan(16_000)
  })
})

describe("the end of a session", () => {
  it("tells which packets were not acknowledged, and how many of them were never sent", () => {
    const { runtime, session, link } = linked()
    for (const n of [1, 2]) session.say(`mx\t${n}`)
    runtime.drain()
    session.hear(link, ["a1"])
    link.bufferedBytes = LINK_BUFFER_BYTES
    session.say("mx\t3")
    runtime.drain()
    expect(session.end()).toEqual({ unacknowledged: ["mx\t2", "mx\t3"], unsent: 1 })
  })

  it("counts packets that rode with a hello as sent once that hello may have been heard", () => {
    const { session } = desk()
    session.say("mx\t1")
    session.rode(session.ride().sent)
    expect(session.end()).toEqual({ unacknowledged: ["mx\t1"], unsent: 0 })
  })

  it("leaves no alarm and does nothing more", () => {
    const { runtime, session, link, told } = linked()
    session.hear(link, ["n1", "mx\t1"])
    session.end()
    session.say("my\t1")
    session.attach(link, { heard: 0 })
    session.hear(link, ["mx\t2"])
    runtime.advance(60_000)
    expect([runtime.pending(), link.take(), told, session.ended]).toEqual([0, [], ["deliver mx\t1"], true])
  })

  it("of a link alone loses nothing and leaves no alarm", () => {
    const { runtime, session, link } = linked()
    session.say("mx\t1")
    session.linkLost(new TestLink())
    expect(session.link).toBe(link)
    session.linkLost(link)
    runtime.advance(60_000)
    expect([session.link, session.said, session.acked, runtime.pending()]).toEqual([undefined, 1, 0, 0])
  })
})
