import { createVirtualRuntime, type VirtualRuntime } from "everwire/testing"
import { describe, expect, it } from "vitest"
import { Clockwork } from "../../src/kernel/clockwork.ts"
import { allocatePacket, type Batch, decodeBatch, type Packet } from "../../src/kernel/codec.ts"
import { BATCH_BYTES, CHANNEL_ACK, HUB_ACK, LINK_BUFFER_BYTES } from "../../src/kernel/defaults.ts"
import type { Link } from "../../src/kernel/link.ts"
import { Session, type SessionSettings } from "../../src/kernel/session.ts"

const HUB: SessionSettings = { ...HUB_ACK, speakMs: 20_000, patienceMs: 30_000 }
const CHANNEL: SessionSettings = { ...CHANNEL_ACK, speakMs: 20_000, patienceMs: 30_000 }
const PROTOCOL_ERROR: unknown = expect.objectContaining({ code: "protocol-error" })

/** A link that keeps what it is sent. */
class TestLink implements Link {
  readonly name = "test"
  bufferedBytes = 0
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
  it.session.attach(it.link, 0)
  return it
}

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
    session.attach(link, 0)
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
    expect(link.take()).toEqual(["n1", "mx\t1"])
  })

  it("fills batches up to their size and sends a larger packet alone", () => {
    const { runtime, session, link } = linked()
    const large = `mx\t${"x".repeat(100_000)}`
    for (const packet of ["mx\t1", large, "mx\t2", "mx\t3"]) session.say(packet)
    runtime.drain()
    expect(link.sent).toEqual(["n1\nmx\t1", large, "mx\t2\nmx\t3"])
  })
})

describe("attaching another link", () => {
  it("replays from where the other side has heard, and forgets what it has", () => {
    const { runtime, session, link } = linked()
    for (const n of [1, 2, 3]) session.say(`mx\t${n}`)
    runtime.drain()
    const next = new TestLink()
    session.attach(next, 2)
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
    session.attach(link, 0, sent)
    expect(link.take()).toEqual(["n4", "mx\t4"])
  })

  it("refuses an other side that has heard more than was said", () => {
    const { session, link } = desk()
    session.say("mx\t1")
    expect(() => session.attach(link, 2)).toThrow(PROTOCOL_ERROR)
  })

  it("leads with the opening, once", () => {
    const { runtime, session, link } = desk()
    session.attach(link, 0, 0, "w{}")
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
    session.attach(next, 0)
    next.bufferedBytes = 0
    session.hear(next, ["a3"])
    runtime.drain()
    expect(next.take()).toEqual(["n4", "mx\t4"])
    expect(link.take()).toHaveLength(5)
  })

  it("keeps the other side's position when it is the same link once more", () => {
    const { session, link, told } = linked()
    session.hear(link, ["n1", "mx\t1"])
    session.attach(link, 0)
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
  it("delivers each number once, in order, whatever is repeated", () => {
    const { session, link, told } = linked()
    session.hear(link, ["n1", "mx\t1", "mx\t2"])
    const next = new TestLink()
    session.attach(next, 0)
    session.hear(next, ["n1", "mx\t1", "mx\t2", "mx\t3"])
    expect(told).toEqual(["deliver mx\t1", "deliver mx\t2", "deliver mx\t3"])
    expect(session.heard).toBe(3)
  })

  it("takes late batches of an old link for no news, but answers its probes", () => {
    const { session, link, told } = linked()
    session.attach(new TestLink(), 0)
    session.hear(link, ["n1", "mx\t1", "a0", "p7"])
    expect([told, link.take()]).toEqual([[], ["a0,7"]])
  })

  it.each<[string, Packet[]]>([
    ["a gap", ["n1", "mx\t1", "n3"]],
    ["a position of nothing", ["n0"]],
    ["a number before any position", ["mx\t1"]],
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
    session.attach(link, 0)
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
    const large = allocatePacket(BATCH_BYTES)
    session.say(large)
    runtime.drain()
    // What is first on a link is one piece, whatever its size.
    expect(link.sent.splice(0).map((batch) => typeof batch)).toEqual(["object"])
    session.hear(link, ["n1", "mx\t1"])
    runtime.advance(150)
    session.say(large)
    runtime.drain()
    const [leading, batch, ...others] = link.sent
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
    it.session.attach(link, 0)
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
    session.attach(link, 0)
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
