import { createVirtualRuntime, type VirtualRuntime } from "everwire/testing"
import { describe, expect, it } from "vitest"
import { Dispatch } from "../../src/messaging/dispatch.ts"
import { RequestFailure } from "../../src/messaging/failure.ts"
import { Handlers } from "../../src/messaging/handlers.ts"
import { encodeMessage, type PayloadHost, readMessage } from "../../src/messaging/message.ts"
import { MessageEncoder } from "../../src/messaging/message-encoder.ts"
import type { Packet } from "../../src/wire/batch.ts"
import { closing, EverwireError } from "../../src/wire/errors.ts"

interface End {
  readonly runtime: VirtualRuntime
  readonly dispatch: Dispatch<string>
  readonly handlers: Handlers<string>
  readonly outer: Handlers<string>
  /** The packets that this end has sent and that were not delivered yet. */
  readonly said: Packet[]
  /** The errors that its handlers threw. */
  readonly failed: unknown[]
  /** Set to true to simulate an outbox that takes no more. */
  full: boolean
}

function end(runtime = createVirtualRuntime()): End {
  const handlers = new Handlers<string>(() => {})
  const outer = new Handlers<string>(() => {})
  const said: Packet[] = []
  const failed: unknown[] = []
  const dispatch: Dispatch<string> = new Dispatch<string>(runtime, {
    say(packet) {
      if (it.full) throw new EverwireError("buffer-full", "full")
      said.push(packet)
    },
    retract() {},
    handlers: [handlers, outer],
    maxPayloadBytes: () => 1_000,
    context: () => "context",
    writable: () => Promise.resolve(),
    failed: (error, stage) => failed.push([stage, error]),
  })
  const it: End = { runtime, dispatch, handlers, outer, said, failed, full: false }
  return it
}

/** Delivers the packets of each end to the other until neither sends any more. */
async function talk(one: End, other: End): Promise<void> {
  for (let quiet = 0; quiet < 5; quiet++) {
    for (const [from, to] of [
      [one, other],
      [other, one],
    ] as const) {
      for (const packet of from.said.splice(0)) to.dispatch.deliver(packet)
    }
    await Promise.resolve()
  }
}

/** What encoding needs of a session: how large a payload may be. */
function limit(bytes?: number): PayloadHost {
  return { maxPayloadBytes: () => bytes }
}

describe("messages", () => {
  it("reach every handler of their name, in the peer's set and in the hub's, with the context", () => {
    const { dispatch, handlers, outer } = end()
    const heard: unknown[] = []
    handlers.on("x", (data, context) => heard.push(["one", data, context]))
    handlers.on("x", (data) => heard.push(["two", data]))
    outer.on("x", (data) => heard.push(["outer", data]))
    handlers.on("y", () => heard.push("never"))
    dispatch.deliver(encodeMessage("x", { a: 1 }, limit()))
    expect(heard).toEqual([
      ["one", { a: 1 }, "context"],
      ["two", { a: 1 }],
      ["outer", { a: 1 }],
    ])
  })

  it("may have any name, also that of a property that every object has", () => {
    const { dispatch, handlers } = end()
    const heard: unknown[] = []
    for (const name of ["constructor", "__proto__", "error"]) {
      handlers.on(name, () => heard.push(name))
      dispatch.deliver(encodeMessage(name, null, limit()))
    }
    expect(heard).toEqual(["constructor", "__proto__", "error"])
  })

  it("still reach the next handlers when one throws or unsubscribes meanwhile", () => {
    const { dispatch, handlers, failed } = end()
    const heard: unknown[] = []
    const boom = new Error("boom")
    const off = handlers.on("x", () => {
      off()
      throw boom
    })
    handlers.on("x", () => heard.push("second"))
    dispatch.deliver(encodeMessage("x", 1, limit()))
    dispatch.deliver(encodeMessage("x", 2, limit()))
    expect([heard, failed]).toEqual([["second", "second"], [["message", boom]]])
  })

  it("are read as name and data, and no other packet is read as a message", () => {
    expect(readMessage(encodeMessage("x", [1], limit()))).toEqual({ name: "x", data: [1] })
    expect(readMessage("q1\tx\t1")).toBeUndefined()
  })

  it("keep their own names, even when the name before has the same beginning", () => {
    for (const name of ["chat", "chat", "chatter", "cha", "c", "chat", "heat"]) {
      expect(readMessage(`m${name}\t1`)).toEqual({ name, data: 1 })
    }
  })

  it("that cannot be read are a protocol error", () => {
    expect(() => end().dispatch.deliver("mx\t{")).not.toThrow(TypeError)
    expect(() => end().dispatch.deliver("mx\t{")).toThrow(expect.objectContaining({ code: "protocol-error" }))
  })

  it("larger than the limit are refused by bytes, not by characters", () => {
    expect(() => encodeMessage("x", "✓".repeat(333), limit(1_000))).toThrow(
      expect.objectContaining({ code: "payload-too-large" }),
    )
    expect(() => encodeMessage("x", "y".repeat(998), limit(1_000))).not.toThrow()
    expect(() => encodeMessage("x", new Uint8Array(1_001), limit(1_000))).toThrow(
      expect.objectContaining({ code: "payload-too-large" }),
    )
  })
})

describe("an encoder", () => {
  it("gives each message its own name, also when an earlier one is said by a getter of its data", () => {
    const encoder = new MessageEncoder(undefined, 1_000)
    const inner: unknown[] = []
    const data = {
      get x() {
        inner.push(encoder.encode("inner", 1))
        return 1
      },
    }
    expect(["a", "a", "b", "a"].map((name) => encoder.encode(name, 0))).toEqual(["ma\t0", "ma\t0", "mb\t0", "ma\t0"])
    expect(encoder.encode("outer", data)).toBe('mouter\t{"x":1}')
    expect(new Set(inner)).toEqual(new Set(["minner\t1"]))
    expect(readMessage(encoder.encode("bytes", new Uint8Array([1])))).toEqual({
      name: "bytes",
      data: new Uint8Array([1]),
    })
  })

  it("refuses names and payloads as encodeMessage does, and goes on", () => {
    const encoder = new MessageEncoder(undefined, 10)
    for (const name of ["", undefined as never, "a\tb", "x".repeat(1_000)])
      expect(() => encoder.encode(name, 1)).toThrow(expect.objectContaining({ code: "misuse" }))
    expect(() => encoder.encode("x", "y".repeat(20))).toThrow(expect.objectContaining({ code: "payload-too-large" }))
    expect(encoder.encode("x", 1)).toBe("mx\t1")
  })
})

describe("a request", () => {
  it.each<[string, () => unknown]>([
    ["at once", () => ({ answer: 42 })],
    ["by a promise", () => Promise.resolve({ answer: 42 })],
  ])("is answered %s, and leaves no timer", async (_, answer) => {
    const [one, other] = [end(), end()]
    other.handlers.handle("x", answer)
    const reply = one.dispatch.request("x", 1)
    await talk(one, other)
    expect(await reply).toEqual({ answer: 42 })
    expect([one.runtime.pending(), other.runtime.pending()]).toEqual([0, 0])
  })

  it("fails with the code and the sentence of a RequestFailure, and hides those of any other error", async () => {
    const [one, other] = [end(), end()]
    const secret = new Error("the password is 1234")
    other.handlers.handle("known", () => {
      throw new RequestFailure("not-you", "not you")
    })
    other.handlers.handle("unknown", () => Promise.reject(secret))
    const replies = [one.dispatch.request("known", 1), one.dispatch.request("unknown", 1)]
    const settled = Promise.allSettled(replies)
    await talk(one, other)
    expect(await settled).toMatchObject([
      { reason: { code: "not-you", message: "not you" } },
      { reason: { code: "request-failed", message: "the handler failed" } },
    ])
    expect(other.failed).toEqual([["request", secret]])
  })

  it("fails when nothing handles it, and when its answer cannot be sent", async () => {
    const [one, other] = [end(), end()]
    other.handlers.handle("bad", () => ({ bytes: new Uint8Array(1) }))
    const settled = Promise.allSettled([one.dispatch.request("none", 1), one.dispatch.request("bad", 1)])
    await talk(one, other)
    expect(await settled).toMatchObject([
      { reason: { code: "request-unhandled" } },
      { reason: { code: "payload-unsupported" } },
    ])
  })

  it("times out, tells the other side, and ignores a late answer", async () => {
    const [one, other] = [end(), end()]
    let aborted = false
    let answer = (_: unknown): void => {}
    other.handlers.handle("x", (_, __, { signal }) => {
      signal.addEventListener("abort", () => {
        aborted = true
      })
      return new Promise((resolve) => {
        answer = resolve
      })
    })
    const settled = Promise.allSettled([one.dispatch.request("x", 1, { timeoutMs: 100 })])
    await talk(one, other)
    one.runtime.advance(100)
    await talk(one, other)
    answer("late")
    await talk(one, other)
    expect(await settled).toMatchObject([{ reason: { code: "request-timeout", retryable: true } }])
    expect([aborted, other.said, one.runtime.pending()]).toEqual([true, [], 0])
  })

  it("is aborted by its signal, with the signal's reason", async () => {
    const one = end()
    const abort = new AbortController()
    const settled = Promise.allSettled([one.dispatch.request("x", 1, { signal: abort.signal })])
    abort.abort("changed my mind")
    expect(await settled).toMatchObject([{ reason: { code: "request-aborted", cause: "changed my mind" } }])
    expect([one.said, one.runtime.pending()]).toEqual([["q1,10000\tx\t1", "c1\t"], 0])
  })

  it("is not sent when its signal has fired already", async () => {
    const one = end()
    await expect(one.dispatch.request("x", 1, { signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: "request-aborted",
    })
    expect(one.said).toEqual([])
  })

  it("has no timeout when timeoutMs is Infinity", () => {
    const one = end()
    void one.dispatch.request("x", 1, { timeoutMs: Number.POSITIVE_INFINITY })
    expect(one.runtime.pending()).toBe(0)
  })

  it("is rejected when the outbox refuses it, and leaves no timer", async () => {
    const one = end()
    one.full = true
    await expect(one.dispatch.request("x", 1)).rejects.toMatchObject({ code: "buffer-full" })
    await expect(one.dispatch.request("", 1)).rejects.toMatchObject({ code: "misuse" })
    await expect(one.dispatch.request("x", "y".repeat(1_000))).rejects.toMatchObject({ code: "payload-too-large" })
    expect(one.runtime.pending()).toBe(0)
  })

  it("is rejected when the session ends, and handlers that still answer are aborted", async () => {
    const [one, other] = [end(), end()]
    let aborted = false
    other.handlers.handle("x", (_, __, { signal }) => {
      signal.addEventListener("abort", () => {
        aborted = true
      })
      return new Promise(() => {})
    })
    const settled = Promise.allSettled([one.dispatch.request("x", 1)])
    await talk(one, other)
    const why = closing("closed-by-peer", "bye", false)
    one.dispatch.end(why)
    other.dispatch.end(why)
    expect(await settled).toMatchObject([{ reason: { code: "closed-by-peer" } }])
    expect([aborted, one.runtime.pending()]).toEqual([true, 0])
  })

  it("tells how long it waits, and takes the answer of an end that repeats all of its id", async () => {
    const one = end()
    const replies = [100, 0.2, 0, Number.POSITIVE_INFINITY, 1e300].map((timeoutMs) =>
      one.dispatch.request("x", 1, { timeoutMs }),
    )
    const ids = one.said.map((packet) => (packet as string).split("\t")[0]?.slice(1))
    expect(ids).toEqual(["1,100", "2,1", "3,0", "4", "5"])
    for (const id of ids) one.dispatch.deliver(`r${id}\t"${id}"`)
    expect(await Promise.all(replies)).toEqual(ids)
  })

  it("whose time-out cannot be read is a protocol-error", () => {
    const one = end()
    one.handlers.handle("x", () => expect.unreachable())
    for (const ms of ["x", "-1", "1e3", "99999999999999999"]) {
      expect(() => one.dispatch.deliver(`q1,${ms}\tx\t1`)).toThrow(expect.objectContaining({ code: "protocol-error" }))
    }
  })

  it("is matched to its own answer, in whatever order the answers come", async () => {
    const one = end()
    const replies = Promise.all([one.dispatch.request("x", 1), one.dispatch.request("x", 2)])
    one.dispatch.deliver('r2\t"two"')
    one.dispatch.deliver("r9\tnobody asked")
    one.dispatch.deliver('r1\t"one"')
    expect(await replies).toEqual(["one", "two"])
  })
})

describe("the input of a request", () => {
  /** An input of 0, 1, 2, ... that counts what is asked of it. */
  function input() {
    const seen = { asked: 0, ended: 0 }
    const next = () => Promise.resolve({ done: false, value: seen.asked++ })
    const end = () => Promise.resolve({ done: true as const, value: seen.ended++ })
    return { seen, items: { [Symbol.asyncIterator]: () => ({ next, return: end }) } }
  }

  it("is marked behind the id, and is sent as credit for it comes, under an id of its own", async () => {
    const one = end()
    const [timed, plain] = [input(), input()]
    const reply = one.dispatch.request("x", 1, { input: timed.items })
    one.dispatch.stream("y", 2, { input: plain.items })
    expect(one.said.splice(0)).toEqual(["q1,10000,+\tx\t1", "qs2,,+\ty\t2"])
    await talk(one, end())
    expect([one.said, timed.seen]).toEqual([[], { asked: 0, ended: 0 }])
    one.dispatch.deliver("g+1\t2")
    for (let turn = 0; turn < 20; turn++) await Promise.resolve()
    expect(one.said.splice(0)).toEqual(["i+1\t0", "i+1\t1"])
    one.dispatch.deliver("c+1\t")
    one.dispatch.deliver("g+1\t5")
    for (let turn = 0; turn < 20; turn++) await Promise.resolve()
    expect([one.said, timed.seen]).toEqual([[], { asked: 2, ended: 1 }])
    one.dispatch.deliver('r1,10000,+\t"of an end that knows no inputs"')
    expect(await reply).toBe("of an end that knows no inputs")
    one.dispatch.end(closing("closed", "bye", false))
    expect(plain.seen).toEqual({ asked: 0, ended: 1 })
  })

  it("is granted 16 items when the handler reads it, and one that comes beyond is a protocol-error", () => {
    const one = end()
    one.handlers.handle("x", (_data, _context, request) => {
      void request.input
      return new Promise(() => {})
    })
    one.dispatch.deliver("q1,,+\tx\t1")
    expect(one.said).toEqual(["g+1\t16"])
    for (let n = 0; n < 16; n++) one.dispatch.deliver(`i+1\t${n}`)
    expect(() => one.dispatch.deliver("i+1\t16")).toThrow(expect.objectContaining({ code: "protocol-error" }))
  })

  it("cannot be taken for a request, nor a request for another that is open", () => {
    const one = end()
    let calls = 0
    one.handlers.handle("x", () => {
      calls++
      return new Promise(() => {})
    })
    one.dispatch.deliver("q1\tx\t1")
    for (const id of ["1", "1,500", "+1", "+s7"]) {
      expect(() => one.dispatch.deliver(`q${id}\tx\t1`)).toThrow(expect.objectContaining({ code: "protocol-error" }))
    }
    expect(calls).toBe(1)
  })
})

describe("handlers of requests", () => {
  it("are one for each name", () => {
    const handlers = new Handlers<string>(() => {})
    const off = handlers.handle("x", () => 1)
    expect(() => handlers.handle("x", () => 2)).toThrow(expect.objectContaining({ code: "misuse" }))
    off()
    const second = (): number => 2
    handlers.handle("x", second)
    off()
    expect(handlers.request("x")).toBe(second)
  })

  it("of a peer's own set answer before those of the hub's set", async () => {
    const [one, other] = [end(), end()]
    other.handlers.handle("x", () => "inner")
    other.outer.handle("x", () => "outer")
    const reply = one.dispatch.request("x", 1)
    await talk(one, other)
    expect(await reply).toBe("inner")
  })
})

describe("after the end of its session", () => {
  it("a request that was heard before it is not begun, because nobody waits, and a message is heard", () => {
    const [one, other] = [end(), end()]
    const heard: unknown[] = []
    other.handlers.on("news", (data) => heard.push(data))
    other.handlers.handle("ask", () => heard.push("a request"))
    one.dispatch.request("ask", 1, undefined).catch(() => {})
    one.said.push(one.dispatch.encode("news", "a message"))
    other.dispatch.end(closing("hub-closing", "the hub is shutting down"))
    for (const packet of one.said) other.dispatch.deliver(packet)
    expect(heard).toEqual(["a message"])
    expect(other.said).toEqual([])
  })
})
