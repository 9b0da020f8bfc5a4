import { EverwireError, type HttpExchange } from "everwire/server"
import { createVirtualRuntime } from "everwire/testing"
import { describe, expect, it } from "vitest"
import type { Courier, Message } from "../../src/cluster/courier.ts"
import { ForeignExchange } from "../../src/cluster/foreign-exchange.ts"
import { type Line, Neighbours, type Strand } from "../../src/cluster/neighbours.ts"
import {
  ABORT,
  CHUNK,
  CUT,
  DONE,
  describe as describeExchange,
  PassedExchange,
  READ,
  RESPOND,
  STREAM,
} from "../../src/cluster/passed-exchange.ts"
import { BATCH, CLOSE, Relay, STATE, TAKEN } from "../../src/cluster/relay.ts"
import { RelayedLink } from "../../src/cluster/relayed-link.ts"
import { Wheel } from "../../src/server/sessions/wheel.ts"
import { LINK_BUFFER_BYTES } from "../../src/wire/defaults.ts"
import { closing } from "../../src/wire/errors.ts"

/** A line that records what is said on it. */
function createLine(): { line: Line; said: unknown[][]; readonly isOver: boolean } {
  const said: unknown[][] = []
  let isOver = false
  const say = (...message: unknown[]): void => {
    if (!isOver) said.push(message)
  }
  const line: Line = {
    say,
    sayInTurn: say,
    end() {
      isOver = true
    },
  }
  return {
    line,
    said,
    get isOver() {
      return isOver
    },
  }
}

/** What opens no strand. */
const UNHEARD = 98

const WHY = closing("network", "a test")

describe("two neighbours", () => {
  /** Two ends and the messages between them. */
  const createNeighbours = () => {
    const queues = { a: [] as Message[], b: [] as Message[] }
    const frames = { a: 0, b: 0 }
    const taken: { strand: RecordedStrand; line: Line }[] = []
    const createEnd = (own: "a" | "b", other: "a" | "b"): Neighbours =>
      new Neighbours(
        {
          send: (_to: string, message: Message) => void queues[other].push(message),
          nextNumber: () => frames[own] + 1,
          forget() {},
        } as unknown as Courier, // all that neighbours need
        (_from, what, args, line) => {
          if (what === 99) throw new Error("cannot be taken")
          if (what === UNHEARD) return undefined
          const strand = createStrand()
          strand.heard.push([what, ...args])
          taken.push({ strand, line })
          return strand
        },
      )
    const a = createEnd("a", "b")
    const b = createEnd("b", "a")
    const deliver = (): void => {
      frames.a++
      frames.b++
      while (queues.a.length + queues.b.length > 0) {
        for (const message of queues.b.splice(0)) b.hear("a", message)
        for (const message of queues.a.splice(0)) a.hear("b", message)
      }
    }
    return { a, b, queues, frames, taken, deliver }
  }

  type RecordedStrand = Strand & { heard: unknown[][]; losses: number }
  const createStrand = (): RecordedStrand => ({
    heard: [],
    losses: 0,
    hear(what, args) {
      this.heard.push([what, ...args])
    },
    lost() {
      this.losses++
    },
  })

  it("say things to each other's end of a strand, until it ends", () => {
    const { a, taken, deliver } = createNeighbours()
    const strand = createStrand()
    const line = a.open("b", strand, 1, "first")
    deliver()
    line.say(2, "second")
    taken[0]?.line.say(3, "back")
    deliver()
    expect(taken[0]?.strand.heard).toEqual([
      [1, "first"],
      [2, "second"],
    ])
    expect(strand.heard).toEqual([[3, "back"]])
    line.end()
    line.say(4)
    deliver()
    expect(taken[0]?.strand.heard).toHaveLength(2)
  })

  it("tell who speaks on a strand that the other end does not know", () => {
    const { a, taken, deliver } = createNeighbours()
    const strand = createStrand()
    a.open("b", strand, 1)
    deliver()
    taken[0]?.line.end()
    const other = createStrand()
    const line = a.open("b", other, 1)
    deliver()
    taken[1]?.line.end()
    line.say(UNHEARD)
    deliver()
    expect(other.losses).toBe(1)
    expect(strand.losses).toBe(0)
  })

  it("lose all that was open when something was missing, at both ends, and nothing that was opened after", () => {
    const { a, b, queues, frames, taken, deliver } = createNeighbours()
    const before = createStrand()
    a.open("b", before, 1)
    deliver()
    const backwards = createStrand()
    b.open("a", backwards, 1)
    deliver()
    // The frame with this strand is lost.
    const missing = createStrand()
    a.open("b", missing, 1)
    queues.b.splice(0)
    // The next one arrives, and shows it.
    b.lost("a", 4)
    // It has another strand, which this end opened before it heard of the loss.
    frames.a++
    const after = createStrand()
    a.open("b", after, 1)
    deliver()
    expect([before.losses, missing.losses, backwards.losses]).toEqual([1, 1, 1])
    expect(taken.map(({ strand }) => strand.losses)).toEqual([1, 1, 0])
    expect(after.losses).toBe(0)
    expect(a.opened("b")).toBe(1)
  })

  it("lose a strand whose beginning cannot be handled", () => {
    const { a, b, queues } = createNeighbours()
    const strand = createStrand()
    a.open("b", strand, 99)
    expect(() => b.hear("a", queues.b[0] ?? [])).toThrow("cannot be taken")
    for (const message of queues.a) a.hear("b", message)
    expect(strand.losses).toBe(1)
    expect(a.opened("b")).toBe(0)
  })
})

describe("a relayed link", () => {
  it("counts as buffered what the client's network has not taken, and sends more when it has", () => {
    const { line, said } = createLine()
    const link = new RelayedLink(line, ["", "", "sse", null, {}, true, null, false, 0])
    let writable = 0
    link.sink = { batch() {}, closed() {}, writable: () => writable++ }
    link.send("12345")
    link.send(new Uint8Array(7))
    expect(link.bufferedBytes).toBe(12)
    expect(said.map(([what]) => what)).toEqual([BATCH, BATCH])
    link.hear(STATE, [null, true, 3, 5])
    expect(link).toMatchObject({ bufferedBytes: 7, reached: true, keptBytes: 3, exchanges: true, name: "sse" })
    expect(writable).toBe(1)
  })

  it("does not tell the other process of input that is not processed yet", () => {
    const { line, said } = createLine()
    const link = new RelayedLink(line, ["", "", "websocket", null, {}, false, null, null, 0])
    let idle = (): void => {}
    let isBusy = true
    link.sink = {
      batch() {},
      closed() {},
      writable() {},
      get isBusy() {
        return isBusy
      },
      whenIdle(run) {
        idle = run
      },
    }
    link.hear(BATCH, ["x".repeat(LINK_BUFFER_BYTES)])
    expect(said).toEqual([])
    isBusy = false
    idle()
    expect(said).toEqual([[TAKEN, LINK_BUFFER_BYTES]])
  })

  it("tells its end to its session once", () => {
    const { line } = createLine()
    const link = new RelayedLink(line, ["", "", "websocket", null, {}, false, null, null, 0])
    const closings: unknown[] = []
    link.sink = { batch() {}, closed: (why) => closings.push(why), writable() {} }
    link.lost(WHY)
    link.lost(WHY)
    link.close(WHY)
    expect(closings).toEqual([WHY])
  })
})

describe("the end of a relayed link that the client reached", () => {
  const createRelay = () => {
    const runtime = createVirtualRuntime()
    const { line, said } = createLine()
    const sent: unknown[] = []
    const link = {
      name: "long-poll",
      bufferedBytes: 0,
      asked: undefined as number | undefined,
      send: (batch: unknown) => sent.push(batch),
      closings: [] as unknown[],
      close: (why: unknown) => link.closings.push(why),
    }
    const relay = new Relay(link, new Wheel(runtime, 0))
    relay.begin(line)
    return { runtime, relay, link, said, sent }
  }

  it("is busy while the owner has much to process, and calls back when it is not", () => {
    const { runtime, relay } = createRelay()
    let idle = 0
    relay.batch("x".repeat(LINK_BUFFER_BYTES))
    expect(relay.isBusy).toBe(true)
    relay.whenIdle(() => idle++)
    runtime.drain()
    expect(idle).toBe(0)
    relay.hear(TAKEN, [LINK_BUFFER_BYTES])
    runtime.drain()
    expect([idle, relay.isBusy, relay.waitingBytes]).toEqual([1, false, 0])
  })

  it("calls back too when it ends, because an upload waits for its answer", () => {
    const { runtime, relay, link } = createRelay()
    let idle = 0
    relay.batch("x".repeat(LINK_BUFFER_BYTES))
    relay.whenIdle(() => idle++)
    relay.lost(WHY)
    runtime.drain()
    expect([idle, link.closings]).toEqual([1, [WHY]])
  })

  it("tells what the network has taken at the end of the tick, and looks again while it has not taken all", () => {
    const { runtime, relay, link, said, sent } = createRelay()
    link.bufferedBytes = 4
    relay.hear(BATCH, ["12345"])
    runtime.drain()
    expect(sent).toEqual(["12345"])
    expect(said).toEqual([[STATE, null, null, 0, 1]])
    link.bufferedBytes = 0
    runtime.advance(100)
    expect(said.at(-1)).toEqual([STATE, null, null, 0, 5])
    runtime.advance(10_000)
    expect(said).toHaveLength(2)
    expect(runtime.pending()).toBe(0)
  })

  it("tells what the network has taken of many small batches in one report, and of 64 KiB at once", () => {
    const { runtime, relay, said } = createRelay()
    relay.hear(BATCH, ["first"])
    runtime.drain()
    said.length = 0
    for (let at = 0; at < 10; at++) {
      relay.hear(BATCH, ["12345"])
      runtime.drain()
    }
    expect(said).toEqual([])
    runtime.advance(50)
    expect(said).toEqual([[STATE, null, null, 0, 55]])
    relay.hear(BATCH, ["x".repeat(LINK_BUFFER_BYTES / 4)])
    runtime.drain()
    expect(said.at(-1)).toEqual([STATE, null, null, 0, 55 + LINK_BUFFER_BYTES / 4])
    runtime.advance(10_000)
    expect(said).toHaveLength(2)
    expect(runtime.pending()).toBe(0)
  })

  it("tells of a poll that came and was answered within the tick", () => {
    const { runtime, relay, link, said } = createRelay()
    link.asked = 1
    relay.writable()
    link.asked = 0
    runtime.drain()
    expect(said).toEqual([[STATE, 1, null, 0, 0]])
    runtime.advance(100)
    expect(said.at(-1)).toEqual([STATE, 0, null, 0, 0])
  })

  it("says nothing after its end", () => {
    const { relay, said } = createRelay()
    relay.hear(CLOSE, [WHY])
    relay.batch("late")
    relay.closed(WHY)
    expect(said).toEqual([])
  })
})

describe("an exchange that is passed on", () => {
  const createExchange = () => {
    const runtime = createVirtualRuntime()
    const here = createLine()
    const log: unknown[] = []
    let abort = (): void => {}
    const stream = {
      bufferedBytes: 0,
      drained: (): void => {},
      write: (text: string) => log.push(["write", text]),
      end: () => log.push(["end"]),
      cut: () => log.push(["cut"]),
      onDrain(run: () => void) {
        stream.drained = run
      },
    }
    const exchange: HttpExchange = {
      method: "POST",
      path: "/everwire/sse",
      query: (name) => (name === "ticket" ? "t" : undefined),
      header: (name) => (name === "cookie" ? "secret" : name === "content-type" ? "text/plain" : undefined),
      address: "192.0.2.7",
      body: async () => new Uint8Array(),
      respond: (...answer) => void log.push(["respond", ...answer]),
      stream(...head) {
        log.push(["stream", ...head])
        return stream
      },
      onAbort(run) {
        abort = run
      },
    }
    const passed = new PassedExchange(exchange, new Wheel(runtime, 0), () => log.push(["unreached"]))
    passed.begin(here.line)
    return { runtime, exchange, passed, stream, log, said: here.said, leave: () => abort() }
  }

  it("brings its method, path, ticket, address, body, and of the headers only what an acceptor reads", () => {
    const { exchange } = createExchange()
    const there = new ForeignExchange(createLine().line, describeExchange(exchange, new Uint8Array([1])))
    expect(there).toMatchObject({ method: "POST", path: "/everwire/sse", address: "192.0.2.7" })
    expect([there.query("ticket"), there.query("x")]).toEqual(["t", undefined])
    expect([there.header("content-type"), there.header("cookie")]).toEqual(["text/plain", undefined])
  })

  it("keeps the limit of its body", async () => {
    const there = new ForeignExchange(createLine().line, ["POST", "/", null, {}, null, new Uint8Array(10)])
    await expect(there.body(9)).rejects.toMatchObject({ code: "too-large" })
    await expect(there.body(9, () => 9)).rejects.toMatchObject({ code: "too-large" })
    const refuse = (): number => {
      throw new EverwireError("link-unknown", "no")
    }
    await expect(there.body(9, refuse)).rejects.toMatchObject({ code: "link-unknown" })
    expect(await there.body(9, () => 10)).toHaveLength(10)
    expect(await there.body(10)).toHaveLength(10)
  })

  it("gets the answer, and nothing after it", () => {
    const { passed, log, said, leave } = createExchange()
    passed.hear(RESPOND, [200, { a: "b" }, "body"])
    leave()
    expect(log).toEqual([["respond", 200, { a: "b" }, "body"]])
    expect(said).toEqual([])
  })

  it("gets a stream in pieces, and tells when the network has taken them", () => {
    const { runtime, passed, stream, log, said } = createExchange()
    passed.hear(STREAM, [200, {}])
    stream.bufferedBytes = 3
    passed.hear(CHUNK, ["abc"])
    runtime.drain()
    expect(said).toEqual([])
    stream.bufferedBytes = 0
    stream.drained()
    expect(said).toEqual([[READ, 3]])
    passed.hear(DONE, [])
    expect(log.map((entry) => (entry as unknown[])[0])).toEqual(["stream", "write", "end"])
  })

  it("is answered here if the other process is lost before its answer, and cut if it is lost after", () => {
    const one = createExchange()
    one.passed.lost()
    expect(one.log).toEqual([["unreached"]])
    const other = createExchange()
    other.passed.hear(STREAM, [200, {}])
    other.passed.lost()
    expect(other.log.at(-1)).toEqual(["cut"])
    const third = createExchange()
    third.passed.hear(CUT, [])
    expect(third.log).toEqual([])
  })

  it("tells the other process when the client has left", () => {
    const { said, leave } = createExchange()
    leave()
    expect(said).toEqual([[ABORT]])
  })

  it("counts what a slow client has not read of a stream, and goes on when it has", () => {
    const there = new ForeignExchange(createLine().line, ["GET", "/", null, {}, null, null])
    const stream = there.stream(200, {})
    let drained = 0
    stream.onDrain(() => drained++)
    stream.write("abcde")
    expect(stream.bufferedBytes).toBe(5)
    there.hear(READ, [3])
    expect([stream.bufferedBytes, drained]).toEqual([2, 0])
    there.hear(READ, [2])
    expect([stream.bufferedBytes, drained]).toEqual([0, 1])
  })

  it("is left at the process that answers, once, when the client or the other process is gone", () => {
    const there = new ForeignExchange(createLine().line, ["GET", "/", null, {}, null, null])
    let aborted = 0
    there.onAbort(() => aborted++)
    there.hear(ABORT, [])
    there.lost()
    expect(aborted).toBe(1)
  })
})
