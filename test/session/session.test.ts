import { createVirtualRuntime, type VirtualRuntime } from "everwire/testing"
import { describe, expect, it } from "vitest"
import { Clockwork } from "../../src/session/clockwork.ts"
import type { Link } from "../../src/session/link.ts"
import { Session, type SessionSettings } from "../../src/session/session.ts"
import { allocatePacket, type Batch, decodeBatch, type Packet } from "../../src/wire/batch.ts"
import {
  BATCH_BYTES,
  CHANNEL_ACK,
  HIGH_WATER_BYTES,
  HUB_ACK,
  LINK_BUFFER_BYTES,
  PACKET_OVERHEAD_BYTES,
  WINDOW_BYTES,
} from "../../src/wire/defaults.ts"
import { protocolError } from "../../src/wire/errors.ts"
import { kindOf } from "../../src/wire/packet.ts"

const HUB: SessionSettings = { ...HUB_ACK, heartbeatMs: 20_000, heartbeatTimeoutMs: 30_000 }
const CHANNEL: SessionSettings = { ...CHANNEL_ACK, heartbeatMs: 20_000, heartbeatTimeoutMs: 30_000 }
const PROTOCOL_ERROR: unknown = expect.objectContaining({ code: "protocol-error" })

/** A link that keeps what it is sent. */
class TestLink implements Link {
  readonly name = "test"
  bufferedBytes = 0
  /** How often the other end has asked for more, where it does that. */
  asked: number | undefined
  readonly sent: Batch[] = []
  send(batch: Batch): void {
    this.sent.push(batch)
  }
  close(): void {}
  /** Takes out what was sent, packet by packet. */
  take(): Packet[] {
    return this.sent.splice(0).flatMap(decodeBatch)
  }
}

interface Desk {
  readonly runtime: VirtualRuntime
  readonly session: Session
  readonly link: TestLink
  /** What the session told its seat. */
  readonly told: string[]
}

function desk(settings: SessionSettings = HUB): Desk {
  const runtime = createVirtualRuntime()
  const told: string[] = []
  const session = new Session(
    new Clockwork(runtime),
    {
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

/** A session whose link is up and has said nothing yet. */
function linked(settings?: SessionSettings): Desk {
  const it = desk(settings)
  it.session.attach(it.link, { heard: 0 })
  return it
}

/** Those that carry what was said: neither marks nor acks nor positions. */
function sayings(packets: readonly Packet[]): Packet[] {
  return packets.filter((packet) => !"pan".includes(kindOf(packet)))
}

/** The marks among them. */
function marksOf(packets: readonly Packet[]): string[] {
  return packets.filter((packet) => kindOf(packet) === "p").map(String)
}

/** The answer to a mark that stood in no line. */
function answerTo(mark: string, heard: number): string {
  return `a${heard},${mark.slice(1).split(",")[0]},0`
}

/** Four times as much as a link of unknown rate is handed at once. */
const LARGE = `mx\t${"x".repeat(BATCH_BYTES)}`

describe("saying", () => {
  it("sends what was said in one tick as one batch, behind its position on the link", () => {
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

  it("waits for a link, and then sends everything that was not acknowledged", () => {
    const { session, link } = desk()
    session.say("mx\t1")
    session.say("mx\t2")
    session.attach(link, { heard: 0 })
    expect(link.take()).toEqual(["n1", "mx\t1", "mx\t2"])
  })

  it("refuses what the outbox cannot hold, and has not taken it", () => {
    const { session } = desk({ ...HUB, maxOutboxBytes: 200 })
    session.say(`m${"x".repeat(100)}`)
    expect(() => session.say(`m${"x".repeat(100)}`)).toThrow(expect.objectContaining({ code: "buffer-full" }))
    expect(session.said).toBe(1)
  })

  it("takes a single packet above the bound: it could never be said otherwise", () => {
    const { session } = desk({ ...HUB, maxOutboxBytes: 10 })
    session.say(`m${"x".repeat(100)}`)
    expect(session.said).toBe(1)
  })

  it("hands a full link no more until it is writable", () => {
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

  it("hands a link nothing while the other end has not asked, and all of it when that asks", () => {
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

  it("acknowledges and answers probes although the other end has not asked", () => {
    const { runtime, session, link } = linked()
    link.asked = 0
    session.say("mx\t1")
    session.hear(link, ["n1", "mx\t2", "p7"])
    runtime.drain()
    expect(link.take()).toEqual(["a1,7"])
  })

  it("fills batches while little waits, of whatever size the packets are", () => {
    const { runtime, session, link } = linked()
    const packet = `mx\t${"x".repeat(400)}`
    for (let n = 0; n < 8; n++) session.say(packet)
    runtime.drain()
    expect(link.sent).toEqual([["n1", ...Array(8).fill(packet)].join("\n")])
  })

  it("sends a large packet in parts, and lets what was said behind it wait for the last of them", () => {
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

  it("takes a link whose rate is not known 16 KiB, in parts, and no more before it answers", () => {
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

  it("marks a burst with probes that tell the time, the first before it", () => {
    const { runtime, session, link } = linked()
    session.say(LARGE)
    runtime.drain()
    const packets = link.take()
    const now = runtime.now()
    expect(packets.slice(0, 2)).toEqual([`p1,${now}`, "n1"])
    expect(marksOf(packets)).toEqual(Array.from({ length: marksOf(packets).length }, (_, n) => `p${n + 1},${now}`))
    expect(marksOf(packets).length).toBeGreaterThan(1)
  })

  it("marks what the other end asks for at the moment when it goes, before all of it and behind it", () => {
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

  it("marks nothing while little waits", () => {
    const { runtime, session, link } = linked()
    for (let n = 0; n < 50; n++) {
      session.say(`mx\t${"x".repeat(1_000)}`)
      runtime.drain()
      session.hear(link, [`a${session.said}`])
      runtime.advance(100)
    }
    expect(marksOf(link.take())).toEqual([])
  })

  it("has room below 4 KiB while the rate of its link is not known, and none above", () => {
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

  it("has no room above half of what its outbox takes, however fast its link is", () => {
    const { session } = linked({ ...HUB, maxOutboxBytes: 1_000 })
    session.say(`mx\t${"x".repeat(400)}`)
    expect(session.hasRoom).toBe(true)
    session.say(`mx\t${"x".repeat(40)}`)
    expect(session.hasRoom).toBe(false)
  })
})

describe("a packet that is cut in its midst", () => {
  /** Has said a large packet, and a small one behind it, of which the first window has gone. */
  function cut(): Desk {
    const it = linked()
    it.session.say(LARGE)
    it.session.say("mx\tlast")
    it.runtime.drain()
    return it
  }

  it("goes on on the next link where the other side has heard it, which the position tells", () => {
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

  it("goes again from its beginning where the other side has heard nothing of it", () => {
    const { runtime, session } = cut()
    const next = new TestLink()
    session.attach(next, { heard: 0 })
    runtime.drain()
    const packets = next.take()
    expect(packets).toContain("n1")
    expect(sayings(packets)[0]).toBe(`f${LARGE.slice(0, 1_024)}`)
  })

  it("goes again from its beginning where the other side claims to have heard more of it than there is", () => {
    const { runtime, session } = cut()
    const next = new TestLink()
    session.attach(next, { heard: 0, part: LARGE.length })
    runtime.drain()
    expect(next.take()).toContain("n1")
  })

  it("is over when the other side has heard all of it, and what follows is whole", () => {
    const { runtime, session } = cut()
    const next = new TestLink()
    session.attach(next, { heard: 1 })
    runtime.drain()
    expect(next.take()).toEqual(["n2", "mx\tlast"])
  })

  it("counts as unsent when the session ends: no part of it can be heard as a message", () => {
    const { session } = cut()
    expect(session.end()).toEqual({ unacknowledged: [LARGE, "mx\tlast"], unsent: 2 })
  })

  it("counts as sent when its last part was handed on", () => {
    const { runtime, session } = linked()
    session.say(`mx\t${"x".repeat(5_000)}`)
    runtime.drain()
    expect(session.end().unsent).toBe(0)
  })

  it("is heard from the parts of both links, once, and how much of it has come is told meanwhile", () => {
    const { session, link, told } = linked()
    session.hear(link, ["n1", "fmx\tab", "fcd"])
    expect([session.heard, session.part]).toEqual([0, 7])
    const next = new TestLink()
    session.attach(next, { heard: 0 })
    session.hear(next, ["n1+7", "eef"])
    expect([told, session.heard, session.part]).toEqual([["deliver mx\tabcdef"], 1, undefined])
  })

  it("is heard once where the next link repeats parts of another size", () => {
    const { session, link, told } = linked()
    session.hear(link, ["n1", "fmx\tab", "fcd"])
    const next = new TestLink()
    session.attach(next, { heard: 0 })
    session.hear(next, ["n1+2", "f\tabc", "edef", "mx\t2"])
    expect(told).toEqual(["deliver mx\tabcdef", "deliver mx\t2"])
  })

  it("is heard once where the next link says it whole", () => {
    const { session, link, told } = linked()
    session.hear(link, ["n1", "fmx\tab"])
    const next = new TestLink()
    session.attach(next, { heard: 0 })
    session.hear(next, ["n1", "mx\tabcdef", "mx\t2"])
    expect([told, session.part]).toEqual([["deliver mx\tabcdef", "deliver mx\t2"], undefined])
  })

  it("that was heard is skipped in parts as well", () => {
    const { session, link, told } = linked()
    session.hear(link, ["n1", "mx\tabcdef"])
    const next = new TestLink()
    session.attach(next, { heard: 0 })
    session.hear(next, ["n1", "fmx\tab", "ecdef", "mx\t2"])
    expect(told).toEqual(["deliver mx\tabcdef", "deliver mx\t2"])
  })

  it("keeps its place when it is the same link once more", () => {
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

  it("end the link when they are so small that keeping them costs more than what they hold", () => {
    const { session, link } = linked()
    expect(() => session.hear(link, ["n1", "fmx\t", ...Array.from({ length: 2_000 }, () => "f1")])).toThrow(
      PROTOCOL_ERROR,
    )
  })

  it("end the link when they hold nothing at all", () => {
    const { session, link } = linked()
    expect(() => session.hear(link, ["n1", "fmx\t", ...Array.from({ length: 2_000 }, () => "f")])).toThrow(
      PROTOCOL_ERROR,
    )
  })
})

describe("attaching another link", () => {
  it("tells the seat of what the other side has acknowledged with it: somebody may wait for room", () => {
    const { session, link, told } = linked()
    session.say("mx\t1")
    session.flushNow()
    session.linkLost(link)
    told.length = 0
    session.attach(new TestLink(), { heard: 1 })
    expect(told).toEqual(["answered"])
  })

  it("replays from where the other side has heard, and forgets what it has", () => {
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

  it("does not repeat what rode with the hello", () => {
    const { session, link } = desk()
    for (const n of [1, 2, 3]) session.say(`mx\t${n}`)
    const { packets, sent } = session.ride()
    expect([packets, sent]).toEqual([["n1", "mx\t1", "mx\t2", "mx\t3"], 3])
    session.say("mx\t4")
    session.attach(link, { heard: 0 }, sent)
    expect(link.take()).toEqual(["n4", "mx\t4"])
  })

  it("refuses an other side that has heard more than was said", () => {
    const { session, link } = desk()
    session.say("mx\t1")
    expect(() => session.attach(link, { heard: 2 })).toThrow(PROTOCOL_ERROR)
  })

  it("leads with the opening, once", () => {
    const { runtime, session, link } = desk()
    session.attach(link, { heard: 0 }, 0, "w{}")
    session.say("mx\t1")
    runtime.drain()
    expect(link.take()).toEqual(["w{}", "n1", "mx\t1"])
  })

  it("goes on behind an ack that is ahead of the replay, and says where", () => {
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

  it("keeps the other side's position when it is the same link once more", () => {
    const { session, link, told } = linked()
    session.hear(link, ["n1", "mx\t1"])
    session.attach(link, { heard: 0 })
    session.hear(link, ["mx\t2"])
    expect(told).toEqual(["deliver mx\t1", "deliver mx\t2"])
  })

  it("lets only small text ride, in order, as far as it has room", () => {
    const { session } = desk()
    session.say(`mx\t${"x".repeat(2_000)}`)
    session.say(`mx\t${"x".repeat(2_000)}`)
    session.say("mx\tsmall")
    expect(session.ride().sent).toBe(1)
  })
})

describe("hearing", () => {
  it("does not count as heard what cannot be read, alone or in parts: the next link brings it again", () => {
    const runtime = createVirtualRuntime()
    const delivered: Packet[] = []
    const session = new Session(
      new Clockwork(runtime),
      {
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

  it("takes late batches of an old link for no news, but answers its probes", () => {
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

  it("refuses the answer to a mark whose line is no count", () => {
    const { runtime, session, link } = linked()
    session.say(LARGE)
    runtime.drain()
    expect(() => session.hear(link, ["a0,1,x"])).toThrow(PROTOCOL_ERROR)
  })

  it("refuses parts that are larger together than a packet may be", () => {
    const { session, link } = linked({ ...HUB, maxPacketBytes: 10 })
    session.hear(link, ["n1", "fmx\t12", "f34567"])
    expect(() => session.hear(link, ["f8"])).toThrow(expect.objectContaining({ code: "too-large" }))
  })

  it("leaves packets of the handshake, and unknown kinds of text, to its seat", () => {
    const { session, link, told } = linked()
    session.hear(link, ["t{}", "?"])
    expect(told).toEqual(["control t{}", "control ?"])
  })

  it("hears no more of a batch once its seat has ended it", () => {
    const runtime = createVirtualRuntime()
    const link = new TestLink()
    let delivered = 0
    const session = new Session(
      new Clockwork(runtime),
      {
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
  it("goes out when it is due, for everything heard by then", () => {
    const { runtime, session, link } = linked()
    session.hear(link, ["n1", "mx\t1"])
    runtime.advance(100)
    session.hear(link, ["mx\t2"])
    runtime.advance(149)
    expect(link.take()).toEqual([])
    runtime.advance(1)
    expect(link.take()).toEqual(["a2"])
  })

  it("goes out at once after so many packets", () => {
    const { runtime, session, link } = linked()
    session.hear(link, ["n1", ...Array.from({ length: HUB.ackPackets }, (_, n) => `mx\t${n}`)])
    runtime.drain()
    expect(link.take()).toEqual([`a${HUB.ackPackets}`])
  })

  it("goes out at once after so many bytes", () => {
    const { runtime, session, link } = linked()
    session.hear(link, ["n1", `mx\t${"x".repeat(HUB.ackBytes)}`])
    runtime.drain()
    expect(link.take()).toEqual(["a1"])
  })

  it("goes out at once after so many bytes in parts of one packet, and not for each of them", () => {
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

  it("rides on what goes anyway once it is half due, and not before", () => {
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

  it("goes before a large batch, which is not copied to take it along", () => {
    const { runtime, session, link } = linked()
    // Parts become as large as a batch once the link has shown that it carries megabytes.
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

  it("answers a mark with the time that it stood in line: longer than the quickest took, whatever the clocks show", () => {
    const { runtime, session, link } = linked()
    const skewMs = 777
    const answerToOneFrom = (agoMs: number): Packet[] => {
      session.hear(link, [`p42,${runtime.now() + skewMs - agoMs}`])
      runtime.drain()
      return link.take()
    }
    expect([500, 300, 450, 300].map(answerToOneFrom)).toEqual([["a0,42,0"], ["a0,42,0"], ["a0,42,150"], ["a0,42,0"]])
  })

  it("measures the line of each link anew", () => {
    const { runtime, session, link } = linked()
    session.hear(link, [`p1,${runtime.now() - 20}`])
    runtime.drain()
    const next = new TestLink()
    session.attach(next, { heard: 0 })
    session.hear(next, [`p2,${runtime.now() - 400}`])
    runtime.drain()
    expect(next.take()).toEqual(["a0,2,0"])
  })

  it("answers the first mark of a link by what the other side's clock showed in the welcome, which stood in no line", () => {
    const { runtime, session } = linked(CHANNEL)
    const skewMs = 777_000
    const welcomed = new TestLink()
    // The welcome took 50 ms, the mark 351. In the second between them the clocks may drift apart by a quarter of one.
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
  ])("takes the clock of a welcome for no measure of a link %s", (_, follow) => {
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

  it("lets two clocks drift apart by half a second in an hour without taking that for a line", () => {
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

  it("answers a mark on a link that is not the current one without a line", () => {
    const { session, link } = linked()
    session.attach(new TestLink(), { heard: 0 })
    session.hear(link, ["p7,1000"])
    expect(link.take()).toEqual(["a0,7"])
  })

  it("makes room, and says so", () => {
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

  it("an ack goes alone for four times as many packets", () => {
    const { runtime, session, link } = overHttp()
    for (let n = 1; n < 4 * HUB_ACK.ackPackets; n++) session.hear(link, ["mx\t1"])
    runtime.drain()
    expect(link.take()).toEqual([])
    session.hear(link, ["mx\t1"])
    runtime.drain()
    expect(link.take()).toEqual(["a1024"])
  })

  it("an ack that an answer takes along is owed no more", () => {
    const { runtime, session, link } = overHttp()
    session.hear(link, ["mx\t1", "mx\t2"])
    expect(session.acknowledgement(link)).toBe("a2")
    runtime.advance(1_000)
    expect(link.take()).toEqual([])
    session.hear(link, ["mx\t3"])
    runtime.advance(HUB_ACK.ackMs)
    expect(link.take()).toEqual(["a3"])
  })

  it("an answer is told again what it was told before, because it may have been lost", () => {
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

  it("an ack beside the link that the link repeats is progress, so that nothing is asked again", () => {
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

  it("an ack beside a link that is not the current one, or what is no ack, does nothing or ends the link", () => {
    const { runtime, session, link, told } = linked(CHANNEL)
    session.say("mx\t1")
    runtime.drain()
    session.acknowledged(new TestLink(), ["a1"])
    expect([session.acked, told]).toEqual([0, []])
    for (const packet of ["mx\t1", "p1", "a2", new Uint8Array([97])]) {
      expect(() => session.acknowledged(link, [packet])).toThrow(PROTOCOL_ERROR)
    }
  })

  it("the answer on a link that is not the current one says nothing", () => {
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

  it("has a probe on its way while a bulk comes down, and is doubted when neither comes on", () => {
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

  it("is probed when a bulk does not go on, but not behind its last answer", () => {
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

  it("is probed when what the welcome said there was does not come, until all of it has", () => {
    const { runtime, session, link } = linked(CHANNEL)
    session.welcomed({ said: 2 }, runtime.now() - 20, runtime.now())
    session.hear(link, ["n1", "mx\t1"])
    runtime.advance(2_000)
    expect(link.take()).toEqual(["p1"])
    session.hear(link, ["a0,1", "mx\t2"])
    runtime.advance(2_999)
    expect(link.take()).toEqual([])
  })

  it("is not doubted while a batch is coming in pieces", () => {
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

  it("is doubted although a batch is coming in pieces on another link", () => {
    const { runtime, session, told } = linked(CHANNEL)
    session.say("mx\t1")
    for (let n = 0; n < 3; n++) {
      runtime.advance(1_000)
      session.moved(new TestLink())
    }
    expect(told).toEqual(["doubted"])
  })

  it("is not doubted while the answer may stand in the line that the other side's marks stood in", () => {
    const { runtime, session, link, told } = linked(CHANNEL)
    session.hear(link, [`p1,${runtime.now() - 20}`])
    session.say("mx\t1")
    runtime.advance(2_000)
    // It stood 799 ms: in two seconds the clocks may have drifted apart by one.
    session.hear(link, [`p2,${runtime.now() - 820}`])
    runtime.advance(3 * 799 - 1)
    expect(told).toEqual([])
    runtime.advance(1)
    expect(told).toEqual(["doubted"])
  })

  it("is not spared for longer than 7.5 s by a mark that was late: that was more likely a sleep", () => {
    const { runtime, session, link, told } = linked(CHANNEL)
    session.hear(link, [`p1,${runtime.now() - 20}`])
    session.say("mx\t1")
    runtime.advance(2_000)
    session.hear(link, [`p2,${runtime.now() - 60_000}`])
    runtime.advance(7_500)
    expect(told).toEqual(["doubted"])
  })

  it("is given as long for its first probe as its dial took, four times", () => {
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

  it("forgets a dial that was held up when the next one was not", () => {
    const { runtime, session, link } = linked(CHANNEL)
    session.probe(60_000)
    runtime.advance(80)
    session.hear(link, ["a0,1"])
    session.welcomed({}, runtime.now() - 1_900, runtime.now())
    expect(session.rttMs).toBe(1_900)
    session.welcomed({}, runtime.now() - 100, runtime.now())
    expect(session.rttMs).toBe(100)
  })

  it("takes the dial for no round trip where it was quicker than what was measured", () => {
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

  it("is probed every 5 s while it only brings something and acks go in answers, to see whether anything goes up", () => {
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

  it("is hung up on by a hub after its patience, and not before", () => {
    const { runtime, session, told } = linked()
    runtime.advance(29_999)
    expect(told).toEqual([])
    runtime.advance(1)
    expect([told, session.link, runtime.pending()]).toEqual([["silent"], undefined, 0])
  })

  it("is kept alive by beats", () => {
    const { runtime, session, link, told } = linked()
    for (let n = 0; n < 10; n++) {
      runtime.advance(25_000)
      session.hear(link, ["a0"])
    }
    expect(told).toEqual([])
    expect(link.take().length).toBeGreaterThanOrEqual(10)
  })

  it("is asked only once while a probe is in flight", () => {
    const { session, link } = linked(CHANNEL)
    session.probe()
    session.probe()
    expect(link.take()).toEqual(["p1"])
  })
})

describe("what was acknowledged without a mark", () => {
  it("is not taken for what is under way: a large message behind small ones leaves at once", () => {
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

describe("the end", () => {
  it("tells what was not acknowledged, and how much of that never left", () => {
    const { runtime, session, link } = linked()
    for (const n of [1, 2]) session.say(`mx\t${n}`)
    runtime.drain()
    session.hear(link, ["a1"])
    link.bufferedBytes = LINK_BUFFER_BYTES
    session.say("mx\t3")
    runtime.drain()
    expect(session.end()).toEqual({ unacknowledged: ["mx\t2", "mx\t3"], unsent: 1 })
  })

  it("counts what rode with a hello as sent once that hello may have been heard", () => {
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
