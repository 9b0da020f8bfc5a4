import { describe, expect, it } from "vitest"
import { decodePayload, encodePayload } from "../../src/kernel/payload.ts"

const cycle: { self?: unknown } = {}
cycle.self = cycle

describe("a payload", () => {
  it.each([
    undefined,
    null,
    0,
    "",
    "\ud800 \u2028 \0 \n",
    [1, [2, { three: null }]],
    { constructor: 1, nested: { deep: [true, false] } },
    Object.assign(Object.create(null), { bare: 1 }),
    new Uint8Array([0, 10, 255]),
  ])("arrives as it left: %j", (value) => {
    expect(decodePayload(encodePayload(value))).toEqual(value)
  })

  it("never holds a raw newline when it is text, because packets are lines", () => {
    expect(encodePayload({ text: "a\nb\r\u2028" })).not.toMatch(/\n/)
  })

  it("crosses as bytes when it is an ArrayBuffer", () => {
    expect(encodePayload(new Uint8Array([1, 2]).buffer)).toEqual(new Uint8Array([1, 2]))
  })

  it("lets what says toJSON speak for itself", () => {
    expect(decodePayload(encodePayload({ at: new Date(0) }))).toEqual({ at: "1970-01-01T00:00:00.000Z" })
  })

  it.each<[string, unknown]>([
    ["bytes inside an object", { data: new Uint8Array(2) }],
    ["bytes inside an array", [new Uint8Array(2)]],
    ["bytes far down", { a: [{ b: { c: new ArrayBuffer(1) } }] }],
    ["another view of bytes", new Float32Array(1)],
    ["a DataView", { view: new DataView(new ArrayBuffer(1)) }],
    ["a Buffer inside an object", { data: Buffer.from("x") }],
    ["a Map", new Map([[1, 2]])],
    ["a Set in an object", { set: new Set([1]) }],
    ["a Blob", new Blob(["x"])],
    ["a function", () => {}],
    ["a symbol", Symbol("x")],
    ["a BigInt", { n: 1n }],
    ["a cycle", cycle],
  ])("is refused, never mangled, when it is %s", (_, value) => {
    expect(() => encodePayload(value)).toThrow(expect.objectContaining({ code: "payload-unsupported" }))
  })
})
