import { describe, expect, it } from "vitest"
import { PROTOCOL_VERSION } from "../../src/wire/defaults.ts"
import { closing } from "../../src/wire/errors.ts"
import {
  type Hello,
  readBye,
  readHello,
  readTake,
  readWelcome,
  type Welcome,
  writeBye,
  writeHello,
  writeTake,
  writeWelcome,
} from "../../src/wire/handshake.ts"

const TOKEN = "0123456789abcdef_-ABCD"
const HELLO: Hello = {
  v: PROTOCOL_VERSION,
  id: TOKEN,
  key: TOKEN.toUpperCase(),
  heard: 3,
  acked: 4,
  turn: 5,
  holder: TOKEN,
  hub: "a hub",
  speakMs: 5_000,
  auth: { token: "✓\n" },
}
const WELCOME: Welcome = {
  v: PROTOCOL_VERSION,
  peer: "p",
  hub: "h",
  heard: 3,
  attached: true,
  resumed: false,
  speakMs: 20_000,
  patienceMs: 30_000,
  resumeMs: 120_000,
  maxPayloadBytes: 1_048_576,
}
const PROTOCOL_ERROR: unknown = expect.objectContaining({ code: "protocol-error" })

/** A hello with one field changed, written as text. */
const helloWith = (fields: object): string => `h${JSON.stringify({ ...HELLO, ...fields })}`

describe("a hello", () => {
  it("is read as it was written", () => {
    expect(readHello(writeHello(HELLO))).toEqual(HELLO)
  })

  it("tells how much of the next packet was heard, where any of it was", () => {
    expect(readHello(writeHello({ ...HELLO, part: 70_000 })).part).toBe(70_000)
    expect(writeHello(HELLO)).not.toContain("part")
  })

  it("tells the time of the channel's clock, where it has that field", () => {
    expect(readHello(writeHello({ ...HELLO, clock: 1_767_225_600_000 })).clock).toBe(1_767_225_600_000)
    expect(writeHello(HELLO)).not.toContain("clock")
  })

  it("of another version is not read any further, so that the version can be refused by its own code", () => {
    expect(readHello('h{"v":99}')).toMatchObject({ v: 99, id: "" })
    expect(readHello("h{}").v).not.toBe(PROTOCOL_VERSION)
  })

  it.each<[string, object]>([
    ["a short id", { id: "short" }],
    ["an id with other characters", { id: `${TOKEN}!` }],
    ["an id longer than anything should be indexed by", { id: "x".repeat(65) }],
    ["no key", { key: undefined }],
    ["a key that is no string", { key: { length: 22 } }],
    ["a negative count", { heard: -1 }],
    ["half a count", { acked: 0.5 }],
    ["a huge turn", { turn: 2 ** 53 }],
    ["a count in a string", { heard: "3" }],
    ["no turn", { turn: undefined }],
    ["a part of a packet that is no count", { part: "7" }],
    ["a clock that is no count", { clock: 0.5 }],
  ])("is refused with %s", (_, fields) => {
    expect(() => readHello(helloWith(fields))).toThrow(PROTOCOL_ERROR)
  })

  it.each([0, 3_999, "5000", null, 4_000.5, 2 ** 53, 1e308, [5_000], {}])(
    "may ask for a heartbeat no faster than the minimum, in whole milliseconds: %j is ignored",
    (speakMs) => {
      expect(readHello(helloWith({ speakMs })).speakMs).toBeUndefined()
    },
  )

  it.each(["m{}", "h", "hnull", "h7", "h{", "h[", ""])("is not %j", (packet) => {
    expect(() => readHello(packet)).toThrow(PROTOCOL_ERROR)
  })
})

describe("a welcome", () => {
  it("is read as it was written", () => {
    expect(readWelcome(writeWelcome(WELCOME))).toEqual(WELCOME)
  })

  it("tells how much of the next packet was heard, what must come, and the hub's clock, where it has them", () => {
    const more = { ...WELCOME, part: 70_000, said: 9, clock: 1_767_225_600_000 }
    expect(readWelcome(writeWelcome(more))).toEqual(more)
  })

  it.each(["part", "said", "clock"])("is refused when its %s is present and is not a count", (name) => {
    for (const value of [-1, "1", null, 0.5]) {
      expect(() => readWelcome(`w${JSON.stringify({ ...WELCOME, [name]: value })}`)).toThrow(PROTOCOL_ERROR)
    }
  })

  it.each(["heard", "speakMs", "patienceMs", "maxPayloadBytes"])("is refused when its %s is not a count", (name) => {
    for (const value of [undefined, -1, "1", null]) {
      expect(() => readWelcome(`w${JSON.stringify({ ...WELCOME, [name]: value })}`)).toThrow(PROTOCOL_ERROR)
    }
  })
})

describe("a take", () => {
  it("is read as it was written", () => {
    expect(readTake(writeTake({ turn: 2, heard: 7 }))).toEqual({ turn: 2, heard: 7 })
  })

  it("tells how much of the next packet was heard", () => {
    const take = { turn: 2, heard: 7, part: 70_000 }
    expect(readTake(writeTake(take))).toEqual(take)
  })

  it("is refused without its counts", () => {
    expect(() => readTake('t{"turn":1,"heard":0,"part":-1}')).toThrow(PROTOCOL_ERROR)
    expect(() => readTake('t{"turn":1}')).toThrow(PROTOCOL_ERROR)
    expect(() => readTake('t{"turn":-1,"heard":0}')).toThrow(PROTOCOL_ERROR)
  })
})

describe("a bye", () => {
  it("is read as it was written, with the hub that sends it", () => {
    const why = closing("hub-closing", "bye", true, 250)
    const told = { hub: "h1", ageMs: 17, heard: 3 }
    expect(readBye(writeBye(why, told))).toEqual({ why, ...told })
    const final = closing("closed", "", false)
    expect(readBye(writeBye(final))).toEqual({ why: final, hub: undefined, ageMs: Number.NaN, heard: Number.NaN })
  })

  it("keeps a code that only a newer side knows, and shortens it for people to read", () => {
    const { code, reason } = readBye(`b${JSON.stringify({ code: "y".repeat(99), reason: "z".repeat(999) })}`).why
    expect([code.length, reason.length]).toEqual([40, 200])
  })

  it("of any other shape counts as a close by the other side, after which a dial may help", () => {
    expect(readBye('b{"code":7,"reason":{},"retryAfterMs":-1}')).toEqual({
      why: closing("closed-by-peer", ""),
      hub: undefined,
      ageMs: Number.NaN,
      heard: Number.NaN,
    })
  })
})
