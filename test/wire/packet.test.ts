import { describe, expect, it } from "vitest"
import { checkName, encodePacket, kindOf, openPacket, readCount } from "../../src/wire/packet.ts"

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values)
const PROTOCOL_ERROR: unknown = expect.objectContaining({ code: "protocol-error" })

describe("the kind of a packet", () => {
  it("is told by the first character, of text and of bytes", () => {
    expect([kindOf("mx\t1"), kindOf(bytes(109, 120)), kindOf(""), kindOf(bytes())]).toEqual(["m", "m", "", "\0"])
  })
})

describe("a numbered packet", () => {
  it.each([
    ["m", ["chat"], { id: "", name: "chat" }],
    ["q", ["7", "history"], { id: "7", name: "history" }],
    ["r", ["7"], { id: "7", name: "" }],
    ["x", ["7"], { id: "7", name: "" }],
    ["c", ["7"], { id: "7", name: "" }],
  ] as const)(
    "of kind %s opens to the fields that it was made of, with text and with bytes",
    (kind, fields, opened) => {
      for (const body of ['{"a":"tab\\t"}\t', "", bytes(10, 9, 0)]) {
        expect(openPacket(encodePacket(kind, fields, body))).toEqual({ kind, body, ...opened })
      }
    },
  )

  it("copies bytes, so that the caller may reuse its buffer", () => {
    const body = bytes(1, 2)
    const packet = encodePacket("m", ["x"], body)
    body[0] = 9
    expect(openPacket(packet).body).toEqual(bytes(1, 2))
  })

  it.each([
    ["no fields at all", "m"],
    ["a request without a name", "q7\t"],
    ["bytes without the end of their header", bytes(109, 120)],
    ["bytes with too long a header", new Uint8Array(3_000).fill(109).fill(10, 2_999)],
    ["bytes with one field too many", bytes(109, 120, 9, 121, 10)],
    ["bytes with one field too few", bytes(113, 55, 10)],
    ["a header that is not UTF-8", bytes(109, 0xff, 10)],
  ])("is refused with %s", (_, packet) => {
    expect(() => openPacket(packet)).toThrow(PROTOCOL_ERROR)
  })
})

describe("a count on the wire", () => {
  it.each([
    ["0", 0],
    ["17", 17],
    ["9007199254740991", Number.MAX_SAFE_INTEGER],
  ])("reads %s", (digits, count) => {
    expect(readCount(digits)).toBe(count)
  })

  it.each(["", "-1", "1.5", "1e3", " 1", "0x1", "١", "9007199254740992", "99999999999999999"])(
    "refuses %j",
    (digits) => {
      expect(() => readCount(digits)).toThrow(PROTOCOL_ERROR)
    },
  )
})

describe("a name", () => {
  it.each(["chat", "constructor", "__proto__", "größer ✓", "a b", "x".repeat(128)])("may be %j", (name) => {
    expect(() => checkName(name)).not.toThrow()
  })

  it.each([
    ["empty", ""],
    ["too long", "x".repeat(129)],
    ["with a tab", "a\tb"],
    ["with a line feed", "a\nb"],
    ["with NUL", "\0"],
    ["with half a pair", "\ud800"],
    ["no string", 7],
    ["missing", undefined],
  ])("is refused when %s", (_, name) => {
    expect(() => checkName(name)).toThrow(expect.objectContaining({ code: "misuse" }))
  })
})
