import { randomBytes } from "node:crypto"
import type { Channel } from "everwire"
import type { NodeHub, Peer } from "everwire/node"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { disposeAll, nextOf, startDuo, transports } from "../support/hub-server.ts"

const MIB = 1_048_576

/** Values that must arrive unchanged. */
const whole: readonly [title: string, value: unknown][] = [
  ["undefined", undefined],
  ["null", null],
  ["false", false],
  ["zero", 0],
  ["the smallest and the largest number", [5e-324, -1.7976931348623157e308, Number.MAX_SAFE_INTEGER]],
  ["an empty string", ""],
  ["an empty array", []],
  ["an empty object", {}],
  ["one character", "x"],
  ["a lone high surrogate", "\ud83d"],
  ["a lone low surrogate", "a\udea2b"],
  ["surrogates in the wrong order", "\udea2\ud83d"],
  ["an emoji of several code points", "👩‍👩‍👧‍👦 🏳️‍🌈 🇪🇺"],
  ["U+2028 and U+2029, which end lines in some places", "a\u2028b\u2029c"],
  ["NUL and every other control character", Array.from({ length: 0xa0 }, (_, n) => String.fromCharCode(n)).join("")],
  ["all sorts of line ends", "a\nb\rc\r\nd\n\ne\n"],
  ["a byte order mark, at both ends", "\ufeffbom\ufeff"],
  ["not characters", "\uffff\ufffe\u{10ffff}"],
  ["tabs, which the protocol uses itself", "\tm\t\tname\t"],
  ["lines that look like packets", 'a1\nbye\nn1\nm\t"x"\n@{"link":"x"}'],
  ["lines that look like events of a stream", "data: x\nevent: y\nid: 1\nretry: 1\n\n"],
  ["what looks like base64 on a stream", "=AAAA"],
  ["keys that mean something to objects", JSON.parse('{"__proto__":{"a":1},"constructor":2,"toString":3}')],
  ["keys of every alphabet", { "ключ с пробелом": 1, "\u2028": 2, "": 3, "\ud800": 4 }],
  ["deep nesting", JSON.parse(`${"[".repeat(500)}${"]".repeat(500)}`)],
  ["no bytes", new Uint8Array()],
  ["one byte", Uint8Array.of(0)],
  ["every byte", Uint8Array.from({ length: 256 }, (_, n) => n)],
  ["bytes that are no UTF-8", Uint8Array.of(0xff, 0xfe, 0xc0, 0x80, 0xed, 0xa0, 0x80)],
  ["bytes that look like a packet", new TextEncoder().encode("m\nx\n")],
  ["1 MiB of bytes", Uint8Array.from(randomBytes(MIB))],
  ["1 MiB of JSON", Array.from({ length: 9_000 }, (_, n) => ({ n, text: "y".repeat(90) }))],
  ["a string that is exactly 1 MiB in JSON", "z".repeat(MIB - 2)],
  ["a string whose characters are three bytes each", "€".repeat(Math.floor((MIB - 2) / 3))],
]

/** Names that must work everywhere. */
const names = [
  "a b",
  "ünï/cødé?#&=%20",
  "名前",
  "👋",
  "@",
  "=",
  "a,b",
  "\u2028",
  "\ufeffbom",
  "x".repeat(128),
  "€".repeat(128),
]

/** Values that JSON would change without an error, or cannot hold. */
const refused: readonly [title: string, value: () => unknown][] = [
  ["bytes inside an object", () => ({ picture: Uint8Array.of(1) })],
  ["bytes inside an array", () => [new Uint8Array(2)]],
  ["a Buffer inside an object", () => ({ deep: [{ er: Buffer.from("x") }] })],
  ["an ArrayBuffer inside an object", () => ({ buffer: new ArrayBuffer(1) })],
  ["a DataView", () => new DataView(new ArrayBuffer(1))],
  ["a typed array of another kind", () => Float64Array.of(1)],
  ["a Blob", () => new Blob(["x"])],
  ["a Map", () => new Map([[1, 2]])],
  ["a Set", () => ({ tags: new Set(["x"]) })],
  ["a BigInt", () => 1n],
  ["a BigInt inside an object", () => ({ n: 1n })],
  ["a function", () => () => 1],
  ["a symbol", () => Symbol("x")],
  [
    "a cycle",
    () => {
      const cycle: Record<string, unknown> = {}
      cycle["self"] = cycle
      return cycle
    },
  ],
  [
    "an object whose toJSON throws",
    () => ({
      toJSON() {
        throw new Error("no")
      },
    }),
  ],
]

/** Like toStrictEqual, which takes seconds for a large Uint8Array. */
function expectSame(actual: unknown, expected: unknown): void {
  if (!(expected instanceof Uint8Array) || !(actual instanceof Uint8Array)) {
    return expect(actual).toStrictEqual(expected)
  }
  expect(Object.getPrototypeOf(actual)).toBe(Object.getPrototypeOf(expected))
  expect(Buffer.compare(actual, expected)).toBe(0)
}

describe.each(transports)("over %s", (transport) => {
  let channel: Channel
  let hub: NodeHub
  let peer: Peer

  beforeAll(async () => {
    const duo = await startDuo({}, { transports: [transport] })
    hub = duo.hub
    channel = duo.channel
    peer = duo.peer
    hub.handle("echo", (data) => data)
    channel.handle("echo", (data) => data)
  })
  afterAll(disposeAll)

  /** Sends a value up and, when it has arrived, down again. Returns what each end heard. */
  async function roundTrip(value: unknown, name = "payload"): Promise<{ up: unknown; down: unknown }> {
    const down = nextOf<{ value: unknown }>((listener) => channel.on(name, (data) => listener({ value: data })))
    const up = nextOf<{ value: unknown }>((listener) =>
      hub.on(name, (data) => {
        listener({ value: data })
        peer.send(name, data)
      }),
    )
    channel.send(name, value)
    return { up: (await up).value, down: (await down).value }
  }

  it.each(whole)("%s arrives unchanged, up and down", async (_, value) => {
    const { up, down } = await roundTrip(value)
    expectSame(up, value)
    expectSame(down, value)
  })

  it.each(names)("a message may have the name %j", async (name) => {
    expect(await roundTrip(name, name)).toEqual({ up: name, down: name })
  })

  it("an ArrayBuffer, a Buffer and a view of a buffer arrive as a Uint8Array of their bytes", async () => {
    const bytes = Uint8Array.of(9, 1, 2, 3, 9)
    const inner = Uint8Array.of(1, 2, 3)
    for (const value of [inner.buffer, Buffer.from(inner), bytes.subarray(1, 4)]) {
      const { up, down } = await roundTrip(value)
      expectSame(up, inner)
      expectSame(down, inner)
    }
  })

  it("bytes may be changed by the sender right after the call", async () => {
    const bytes = Uint8Array.of(1, 2, 3)
    const arrived = nextOf<unknown>((listener) => hub.on("reused", listener))
    channel.send("reused", bytes)
    bytes.fill(0)
    expect(await arrived).toEqual(Uint8Array.of(1, 2, 3))
  })

  it("objects with toJSON arrive as its result", async () => {
    const { up } = await roundTrip({ at: new URL("http://a/b"), custom: { toJSON: () => "mine" } })
    expect(up).toEqual({ at: "http://a/b", custom: "mine" })
  })

  it("text and bytes keep their order among each other", async () => {
    const heard: unknown[] = []
    const off = hub.on("mixed", (data) => heard.push(data))
    const sent = Array.from({ length: 50 }, (_, n) => (n % 3 === 0 ? Uint8Array.of(n) : n))
    for (const data of sent) channel.send("mixed", data)
    await channel.flush()
    off()
    expect(heard).toEqual(sent)
  })

  it("requests and their answers carry bytes, text and undefined, both ways", async () => {
    for (const value of [Uint8Array.of(0, 255), new Uint8Array(), "a\u2028\ud800", undefined, null, ""]) {
      expectSame(await channel.request("echo", value), value)
      expectSame(await peer.request("echo", value), value)
    }
    const large = Uint8Array.from(randomBytes(300_000))
    expectSame(await channel.request("echo", large), large)
  })

  it.each(refused)("%s throws payload-unsupported at the call", async (_, value) => {
    const unsupported = expect.objectContaining({ name: "EverwireError", code: "payload-unsupported" })
    for (const call of [
      () => channel.send("bad", value()),
      () => peer.send("bad", value()),
      () => hub.send("bad", value()),
      () => hub.to("nobody").send("bad", value()),
    ]) {
      expect(call).toThrow(unsupported)
    }
    await expect(channel.request("bad", value())).rejects.toThrow(unsupported)
  })

  it("one byte more than 1 MiB throws payload-too-large at the call", async () => {
    const tooLarge = expect.objectContaining({ name: "EverwireError", code: "payload-too-large" })
    for (const value of [new Uint8Array(MIB + 1), "x".repeat(MIB - 1), "€".repeat(MIB / 3 + 1)]) {
      expect(() => channel.send("large", value)).toThrow(tooLarge)
      expect(() => peer.send("large", value)).toThrow(tooLarge)
      expect(() => hub.send("large", value)).toThrow(tooLarge)
      await expect(channel.request("large", value)).rejects.toThrow(tooLarge)
    }
    expect(await channel.request("echo", "unharmed")).toBe("unharmed")
  })

  it("no link was lost during these tests", () => {
    expect(channel.explain().incidents.filter(({ what }) => what === "closed" || what === "doubted")).toEqual([])
  })
})

describe("a hub with a payload limit of its own", () => {
  afterAll(disposeAll)

  it("tells the limit to the channel, whose calls throw above it", async () => {
    const { hub, channel, peer } = await startDuo({ maxPayloadBytes: 1_000 })
    hub.handle("echo", (data) => data)
    hub.handle("large", () => "x".repeat(999))
    const tooLarge = { code: "payload-too-large" }
    expect(() => channel.send("x", "x".repeat(999))).toThrow(expect.objectContaining(tooLarge))
    expect(() => peer.send("x", "x".repeat(999))).toThrow(expect.objectContaining(tooLarge))
    await expect(channel.request("echo", "x".repeat(999))).rejects.toMatchObject(tooLarge)
    await expect(channel.request("large")).rejects.toMatchObject(tooLarge)
    expect(await channel.request("echo", "x".repeat(998))).toHaveLength(998)
  })

  it("may accept more than 1 MiB", async () => {
    const { hub, channel } = await startDuo({ maxPayloadBytes: 3 * MIB })
    hub.handle("size", (data) => (data as Uint8Array).length)
    expect(await channel.request("size", new Uint8Array(3 * MIB))).toBe(3 * MIB)
  })
})
