// Sessions whose codec is not JSON, in virtual time.

import { type Codec, createChannel, RequestFailure } from "everwire/core"
import { msgpack } from "everwire/msgpack"
import { createHub, json } from "everwire/server"
import { createDuo, createNetwork, createVirtualRuntime, type Duo, type DuoOptions } from "everwire/testing"
import { describe, expect, it } from "vitest"

/** Data that JSON cannot carry. */
const RICH = {
  at: new Date(1_767_225_600_123),
  ids: new Set([1n, 2n ** 80n]),
  sizes: new Map<unknown, unknown>([
    ["a", Number.NaN],
    [{ k: 1 }, [Uint8Array.of(1, 2)]],
  ]),
}

/** A text codec, as an application may have one: JSON on several lines, in which a Date is an object. */
const tagged: Codec = {
  name: "tagged",
  encode: (value) =>
    JSON.stringify(
      value,
      function (this: Record<string, unknown>, key, item: unknown) {
        const given = this[key]
        return given instanceof Date ? { date: Number(given) } : item
      },
      2,
    ),
  decode: (bytes) =>
    JSON.parse(new TextDecoder().decode(bytes), (_, item: unknown) => {
      const { date } = Object(item) as { date?: number }
      return date === undefined ? item : new Date(date)
    }),
}

function duoOf(codec: Codec, options: DuoOptions = {}): Promise<Duo> {
  return createDuo({ ...options, hub: { codecs: [codec], ...options.hub }, channel: { codec, ...options.channel } })
}

/** Keeps what arrives at both ends under this name. */
function listen({ hub, channel }: Duo, name = "x"): { up: unknown[]; down: unknown[] } {
  const heard: { up: unknown[]; down: unknown[] } = { up: [], down: [] }
  hub.on(name, (data) => void heard.up.push(data))
  channel.on(name, (data) => void heard.down.push(data))
  return heard
}

const WIRES = ["websocket", "sse", "long-poll", "short-poll"]

describe.each(WIRES)("over %s", (wire) => {
  it("messages, requests, answers, failures and streams carry what JSON cannot", async () => {
    const duo = await duoOf(msgpack(), { transports: [wire] })
    const heard = listen(duo)
    duo.hub.handle("echo", (data) => data)
    duo.hub.handle("each", async function* (data) {
      yield data
      yield undefined
      yield [data]
    })
    duo.hub.handle("fail", () => {
      throw new Error("secret")
    })
    duo.channel.handle("back", (data) => [data])
    const asked = [duo.channel.request("echo", RICH), duo.peer.request("back", RICH), duo.channel.request("echo")]
    const failed = duo.channel.request("fail").catch((error: unknown) => error)
    const items: unknown[] = []
    const stream = (async () => {
      for await (const item of duo.channel.stream("each", RICH)) items.push(item)
    })()
    duo.channel.send("x", RICH)
    duo.channel.send("x", Uint8Array.of(7))
    duo.channel.send("x")
    duo.peer.send("x", RICH)
    duo.peer.send("x", null)
    await duo.runtime.pass(30_000)
    expect(heard).toEqual({ up: [RICH, Uint8Array.of(7), undefined], down: [RICH, null] })
    expect(await Promise.all(asked)).toEqual([RICH, [RICH], undefined])
    expect(await failed).toMatchObject({ code: "request-failed" })
    await stream
    expect(items).toEqual([RICH, undefined, [RICH]])
    expect(duo.errors).toEqual([new Error("secret")]) // of the handler, which the hub reports
  })

  it("the data of a failure may be what JSON cannot carry", async () => {
    const duo = await duoOf(msgpack(), { transports: [wire] })
    duo.hub.handle("fail", () => {
      throw new RequestFailure("not-yet", "come back later", { data: RICH })
    })
    const failed = duo.channel.request("fail").catch((error: unknown) => error)
    await duo.runtime.pass(5_000)
    expect(await failed).toMatchObject({ code: "not-yet", message: "come back later", data: RICH })
  })

  it("all arrives once and in order through cuts", async () => {
    const duo = await duoOf(msgpack(), { transports: [wire] })
    const heard = listen(duo)
    const sent = Array.from({ length: 60 }, (_, n) => ({ n, at: new Date(n) }))
    for (const [n, data] of sent.entries()) {
      duo.channel.send("x", data)
      duo.peer.send("x", data)
      if (n % 10 === 5) duo.network.cut()
      await duo.runtime.pass(37)
    }
    await duo.runtime.pass(60_000)
    expect(heard).toEqual({ up: sent, down: sent })
  })
})

describe("a session with a codec", () => {
  it("drops by delivery class what is outdated, and sends again after a break what is not", async () => {
    const duo = await duoOf(msgpack(), { transports: ["websocket"] })
    const heard = listen(duo)
    duo.network.block("websocket")
    await duo.runtime.pass(100)
    for (const send of [duo.channel.send.bind(duo.channel), duo.hub.send.bind(duo.hub)]) {
      send("x", new Date(1), { latest: "k" })
      send("x", new Date(2), { latest: "k" })
      send("x", new Date(3))
    }
    duo.network.heal()
    await duo.runtime.pass(60_000)
    expect(heard).toEqual({ up: [new Date(2), new Date(3)], down: [new Date(2), new Date(3)] })
  })

  it("names in onReset what it had sent, as it was given", async () => {
    const duo = await duoOf(msgpack(), { transports: ["websocket"] })
    const lost: unknown[] = []
    duo.channel.onReset(({ messages }) => lost.push(...messages))
    duo.network.block("websocket")
    duo.channel.send("x", RICH)
    await duo.runtime.pass(1)
    duo.crashHub()
    duo.startHub()
    duo.network.heal()
    await duo.runtime.pass(60_000)
    expect(lost).toEqual([{ name: "x", data: RICH }])
  })

  it("throws at the call what the codec cannot carry, with the path, and sends nothing", async () => {
    const duo = await duoOf(msgpack())
    const heard = listen(duo)
    duo.hub.handle("bad", () => [{ f() {} }])
    const errors: unknown[] = []
    duo.hub.onError((error) => void errors.push(error))
    const refused = (path: string): unknown =>
      expect.objectContaining({ code: "payload-unsupported", message: expect.stringContaining(path) })
    for (const send of [duo.channel.send.bind(duo.channel), duo.peer.send.bind(duo.peer), duo.hub.send.bind(duo.hub)]) {
      expect(() => send("x", { a: [1, { f() {} }] })).toThrow(refused("data.a[1].f is an instance of Function"))
    }
    await expect(duo.channel.request("y", new Set([Symbol("s")]))).rejects.toEqual(refused("data.values()[0]"))
    expect(() => duo.channel.stream("y", [undefined])).toThrow(refused("data[0] is undefined"))
    const answer = duo.channel.request("bad").catch((error: unknown) => error)
    await duo.runtime.pass(1_000)
    expect(await answer).toMatchObject({ code: "payload-unsupported", message: "the answer cannot be sent" })
    expect(errors).toEqual([refused("data[0].f is an instance of Function")])
    expect(heard).toEqual({ up: [], down: [] })
  })

  it("refuses what is larger than the hub allows, by its bytes", async () => {
    const duo = await duoOf(msgpack(), { hub: { maxPayloadBytes: 1_000 } })
    expect(() => duo.channel.send("x", new Uint8Array(1_000))).toThrow(
      expect.objectContaining({ code: "payload-too-large" }),
    )
    expect(() => duo.channel.send("x", new Uint8Array(997))).not.toThrow()
  })

  it("ends, without coming back, when the data is nested deeper than the hub allows", async () => {
    const duo = await duoOf(msgpack(), { hub: { limits: { maxDepth: 10 } } })
    const heard = listen(duo)
    const nested = (levels: number): unknown => (levels === 0 ? 1 : [nested(levels - 1)])
    duo.channel.send("x", nested(10))
    await duo.runtime.pass(1_000)
    const closings: unknown[] = []
    duo.channel.onStatus((_, { closing }) => closings.push(closing))
    duo.channel.send("x", nested(11))
    await duo.runtime.pass(60_000)
    expect(heard.up).toEqual([nested(10)])
    expect(closings).toEqual([expect.objectContaining({ code: "too-large", retryable: false })])
  })

  it("may have a codec of the application's, whose text may have any characters", async () => {
    const duo = await duoOf(tagged)
    const heard = listen(duo)
    const data = { at: new Date(5), text: "a\nmx\t1\n€" }
    duo.channel.send("x", data)
    duo.channel.send("x", undefined)
    duo.hub.send("x", data)
    await duo.runtime.pass(1_000)
    expect(heard).toEqual({ up: [data, undefined], down: [data] })
  })

  it("gets on when the hub's contract changes the data, before the codec has it", async () => {
    const { contract } = await import("everwire/contract")
    const { z } = await import("zod")
    const chat = contract({
      up: { x: z.object({ n: z.number().default(3) }) },
      down: { y: z.string().transform((s) => `${s}!`) },
    })
    const duo = await createDuo({
      hub: { codecs: [msgpack()], contract: chat as never },
      channel: { codec: msgpack() },
    })
    const up: unknown[] = []
    const down: unknown[] = []
    duo.hub.on("x", (data) => void up.push(data))
    duo.channel.on("y", (data) => void down.push(data))
    duo.channel.send("x", {})
    duo.hub.send("y", "a")
    duo.peer.send("y", "b")
    await duo.runtime.pass(1_000)
    expect([up, down]).toEqual([[{ n: 3 }], ["a!", "b!"]])
  })
})

describe("a hub with several codecs", () => {
  /** A hub with these codecs, and a channel for each of those. */
  async function start(hubCodecs: readonly Codec[], ...codecs: readonly (Codec | undefined)[]) {
    const runtime = createVirtualRuntime()
    const network = createNetwork({ runtime })
    const hub = createHub({ runtime, codecs: hubCodecs, transports: [network.acceptor("websocket")] })
    hub.onPeer((peer) => peer.join("room"))
    const channels = codecs.map((codec) => {
      const channel = createChannel("http://hub", {
        runtime,
        store: null,
        codec,
        transports: [network.dialer("websocket")],
      })
      const heard: unknown[] = []
      channel.on("x", (data) => heard.push(data))
      return { channel, heard }
    })
    await runtime.pass(1_000)
    return { runtime, network, hub, channels, heard: channels.map(({ heard }) => heard) }
  }
  const both = [json, msgpack()]

  it("sends each peer what its codec makes, to all and to rooms", async () => {
    const { hub, runtime, heard } = await start(both, undefined, msgpack(), undefined)
    hub.send("x", { a: 1 })
    hub.to("room").send("x", [2])
    hub.send("x", 3, { latest: "k" })
    hub.to("room").send("x", "y".repeat(1_000), { latest: "l" })
    await runtime.pass(1_000)
    const all = [{ a: 1 }, [2], 3, "y".repeat(1_000)]
    expect(heard).toEqual([all, all, all])
  })

  it("encodes a message once for each codec in use, and not for one that nobody uses", async () => {
    const used: string[] = []
    const counted = (name: string): Codec => ({
      ...tagged,
      name,
      encode: (value) => {
        used.push(name)
        return tagged.encode(value)
      },
    })
    const codecs = [counted("a"), counted("b"), counted("c")]
    const { hub, runtime, channels } = await start(codecs, codecs[1], codecs[1], codecs[1])
    hub.send("x", 1)
    hub.to("room").send("x", 1)
    expect(used).toEqual(["a", "b", "a", "b"]) // the first one always
    for (const { channel } of channels) void channel.close()
    await runtime.pass(5_000)
    used.length = 0
    hub.send("x", 1)
    expect(used).toEqual(["a"])
  })

  it("sends a message to nobody if one of the codecs in use cannot carry it", async () => {
    const { hub, runtime, heard } = await start(both, undefined, msgpack())
    for (const send of [hub.send.bind(hub), hub.to("room").send.bind(hub.to("room"))]) {
      expect(() => send("x", { at: new Date() })).toThrow("data.at is a Date")
    }
    const picky: Codec = {
      ...tagged,
      name: "picky",
      encode: () => {
        throw new Error("never")
      },
    }
    const second = await start([json, picky], undefined, picky)
    expect(() => second.hub.send("x", 1)).toThrow("never")
    expect(() => second.hub.to("room").send("x", 1)).toThrow("never")
    await runtime.pass(1_000)
    await second.runtime.pass(1_000)
    expect([heard, second.heard]).toEqual([
      [[], []],
      [[], []],
    ])
  })

  it("without JSON, lets nobody in who speaks JSON, so that a stranger cannot make a broadcast fail", async () => {
    const { hub, runtime, channels, heard } = await start([msgpack()], undefined, msgpack())
    hub.send("x", RICH)
    await runtime.pass(1_000)
    expect(heard).toEqual([[], [RICH]])
    expect(channels.map(({ channel }) => channel.status)).toEqual(["closed", "open"])
  })
})

describe("a channel whose codec the hub does not have", () => {
  it.each([
    ["a hub with JSON alone", [json], msgpack(), "the codecs here are json: give"],
    [
      "a hub with another one",
      [msgpack(), tagged],
      { ...tagged, name: "mine" },
      "the codecs here are msgpack, tagged: give",
    ],
    ["a hub without JSON", [msgpack()], undefined, "the codecs here are msgpack: give"],
    ["JSON as if it were another codec", [json], json, "for json none"],
  ])("is closed for good and told which there are: %s", async (_, codecs, codec, reason) => {
    const runtime = createVirtualRuntime()
    const network = createNetwork({ runtime })
    const hub = createHub({ runtime, codecs, transports: [network.acceptor("websocket")] })
    const refused: unknown[] = []
    hub.onRefused((refusal) => refused.push([refusal.code, refusal.stage]))
    const channel = createChannel("http://hub", {
      runtime,
      store: null,
      codec,
      transports: [network.dialer("websocket")],
    })
    const opened = channel.opened.catch((error: unknown) => error)
    await runtime.pass(60_000)
    expect(await opened).toMatchObject({ code: "codec-unsupported", message: expect.stringContaining(reason) })
    expect([channel.status, hub.peers.size, refused]).toEqual(["closed", 0, [["codec-unsupported", "hello"]]])
  })
})

it("a channel with a codec is closed for good by a hub that knows nothing of codecs", async () => {
  const runtime = createVirtualRuntime()
  const network = createNetwork({ runtime })
  const hub = createHub({ runtime, transports: [network.acceptor("websocket")] })
  const dialer = network.dialer("websocket")
  /** A network on which the hub does not read the field, as one that does not know it. */
  const old: typeof dialer = {
    ...dialer,
    dial(target, sink) {
      const link = dialer.dial(target, sink)
      const send = link.send.bind(link)
      link.send = (batch) => send(String(batch).replace('"codec":"msgpack"', '"x":1'))
      return link
    },
  }
  const heard: unknown[] = []
  hub.on("x", (data) => heard.push(data))
  const channel = createChannel("http://hub", { runtime, store: null, codec: msgpack(), transports: [old] })
  const opened = channel.opened.catch((error: unknown) => error)
  channel.send("x", 1)
  await runtime.pass(60_000)
  expect(await opened).toMatchObject({ code: "codec-unsupported" })
  expect([channel.status, heard, hub.peers.size]).toEqual(["closed", [], 0])
})

describe("the options", () => {
  it.each([
    ["no codec at all", []],
    ["the same name twice", [msgpack(), msgpack()]],
    ["an object that is no codec", [{ name: "x" } as Codec]],
    ["a name that is none", [{ ...tagged, name: "My Codec" }]],
    ["another codec that is called json", [{ ...tagged, name: "json" }]],
    ["null", [null as never]],
  ])("of a hub are checked: %s", (_, codecs) => {
    expect(() => createHub({ codecs })).toThrow(expect.objectContaining({ code: "misuse" }))
  })

  it("of a channel are checked", () => {
    const options = { transports: [createNetwork({ runtime: createVirtualRuntime() }).dialer("websocket")] }
    expect(() => createChannel("http://hub", { ...options, codec: "msgpack" as never })).toThrow(
      expect.objectContaining({ code: "misuse" }),
    )
  })
})
