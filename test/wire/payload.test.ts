import { runInNewContext } from "node:vm"
import { describe, expect, it } from "vitest"
import { decodePayload, encodePayload } from "../../src/wire/payload.ts"

const cycle: { self?: unknown } = {}
cycle.self = cycle

const inherited = { says: () => {} }

class Point {
  x = 1
  y = 2
}

class Secret {
  #cents = 5
  cents(): number {
    return this.#cents
  }
}

class Square {
  side = 1
  get area(): number {
    return this.side ** 2
  }
}

class Spoken {
  said = 1
  toJSON(): this {
    return this
  }
}

function fail(): never {
  throw new Error("no")
}

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

  it("is what toJSON returns where a value has a toJSON method", () => {
    expect(decodePayload(encodePayload({ at: new URL("http://a/b") }))).toEqual({ at: "http://a/b" })
  })

  it("crosses as bytes whichever realm made them", () => {
    expect(encodePayload(runInNewContext("Uint8Array.of(1, 2)"))).toEqual(Uint8Array.of(1, 2))
    expect(encodePayload(runInNewContext("Uint8Array.of(1, 2).buffer"))).toEqual(Uint8Array.of(1, 2))
    expect(encodePayload(runInNewContext("({ a: [{ b: null }] })"))).toBe('{"a":[{"b":null}]}')
  })

  it("omits properties that are undefined, carries -0 as 0, and carries a class instance by its own fields", () => {
    expect(encodePayload({ a: undefined, b: [-0] })).toBe('{"b":[0]}')
    expect(encodePayload({ point: new Point() })).toBe('{"point":{"x":1,"y":2}}')
  })

  it("takes the result of a toJSON that returns an object of its own, and may hold one object twice", () => {
    const own = { a: 1, toJSON: () => own }
    expect(() => encodePayload(own)).toThrow("data.toJSON is an instance of Function")
    expect(encodePayload(new Spoken())).toBe('{"said":1}')
    const twice = { x: 1 }
    expect(encodePayload([twice, twice])).toBe('[{"x":1},{"x":1}]')
  })

  it("reads only the properties that JSON reads: a polluted Object.prototype is no part of it", () => {
    const object = Object.assign(Object.create(inherited), { own: 1 })
    expect(encodePayload(object)).toBe('{"own":1}')
  })

  it.each<[path: string, value: unknown]>([
    ["data is NaN", Number.NaN],
    ["data.deep[2].at is Infinity", { deep: [0, 1, { at: Number.POSITIVE_INFINITY }] }],
    ["data[1] is -Infinity", [0, Number.NEGATIVE_INFINITY]],
    ["data[0] is undefined", [undefined]],
    // biome-ignore lint/suspicious/noSparseArray: that is the case
    ["data[1] is undefined", [1, , 3]],
    ['data["a b"][""] is NaN', { "a b": { "": Number.NaN } }],
    ["data.data is an instance of Uint8Array", { data: new Uint8Array(2) }],
    ["data[0] is an instance of Uint8Array", [new Uint8Array(2)]],
    ["data.a[0].b.c is an instance of ArrayBuffer", { a: [{ b: { c: new ArrayBuffer(1) } }] }],
    ["data is an instance of Float32Array", new Float32Array(1)],
    ["data.view is an instance of DataView", { view: new DataView(new ArrayBuffer(1)) }],
    ["data.data is an instance of Buffer", { data: Buffer.from("x") }],
    ["data is an instance of Map", new Map([[1, 2]])],
    ["data.set is an instance of Set", { set: new Set([1]) }],
    ["data.map is an instance of Map", runInNewContext("({ map: new Map() })")],
    ["data is an instance of WeakMap", new WeakMap()],
    ["data is an instance of Blob", new Blob(["x"])],
    ["data.error is an instance of TypeError", { error: new TypeError("x") }],
    ["data is an instance of Error", Object.assign(new Error("x"), { code: 5 })],
    ["data is an instance of Promise", Promise.resolve(1)],
    ["data[0] is an instance of RegExp", [/x/]],
    ["data is an instance of FormData", new FormData()],
    ["data.query is an instance of URLSearchParams", { query: new URLSearchParams("a=1") }],
    ["data.headers is an instance of Headers", { headers: new Headers() }],
    ["data is an instance of Response", new Response("x")],
    ["data is an instance of Number", Object(1)],
    ["data[0] is an instance of String", [Object("x")]],
    ["data is an instance of Boolean", Object(true)],
    ["data is an instance of Function", () => {}],
    ["data.on is an instance of Function", { on() {} }],
    ["data is an instance of Symbol", Symbol("x")],
    ["data.kind is an instance of Symbol", { kind: Symbol("x") }],
    ["data.n is an instance of BigInt", { n: 1n }],
    ["data.secret is an instance of Secret", { secret: new Secret() }],
    ["data is an instance of Square", new Square()],
    ["data.self is a cycle", cycle],
    ["data.at is a Date", { at: new Date(0) }],
    ["data.rows[1].at is a Date", { rows: [{}, { at: new Date(Number.NaN) }] }],
    ["data.said is an instance of Map", { said: { toJSON: () => new Map() } }],
    ["data.said is undefined", { said: { toJSON: () => undefined } }],
    ["data.loud is unreadable (Error: no)", { loud: { toJSON: fail } }],
    ["data.loud is unreadable (Error: no)", Object.defineProperty({}, "loud", { get: fail, enumerable: true })],
    ["data is unreadable (Error: no)", new Proxy({}, { ownKeys: fail })],
    ["data is unreadable (TypeError: Cannot perform 'get' on a proxy that has been revoked)", revoked()],
    ["data.a[0] is unreadable (TypeError: Cannot perform 'get' on a proxy that has been revoked)", { a: [revoked()] }],
    ["data is unreadable (Error: no)", Object.defineProperty({}, Symbol.toStringTag, { get: fail })],
    ["data is an instance of Uint8Array", detached(new Uint8Array(8))],
    ["data is an instance of ArrayBuffer", detached(new Uint8Array(8)).buffer],
  ])("that JSON would change is refused, and the error names the path: %s", (path, value) => {
    expect(() => encodePayload(value)).toThrow(
      expect.objectContaining({ code: "payload-unsupported", message: expect.stringContaining(`${path}: send `) }),
    )
  })
})

function revoked(): object {
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  return proxy
}

/** Bytes whose buffer was transferred to another thread, so that it is detached. */
function detached(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  structuredClone(bytes.buffer, { transfer: [bytes.buffer] })
  return bytes
}
