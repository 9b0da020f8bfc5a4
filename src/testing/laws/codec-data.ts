import { createRandom } from "../random.ts"

/** Plain data, which every codec carries. */
export const PLAIN: readonly unknown[] = [
  ...[null, true, false, 0, 1, -1, 127, 128, 255, 256, 65_535, 65_536, 2 ** 31, 2 ** 32, -(2 ** 31) - 1],
  ...[2 ** 53 - 1, 1 - 2 ** 53, 2 ** 60, 0.1, -1.5e-300, 1.7e308, 5e-324],
  ...["", "a", "é€😀", "\0\n\t\r\u2028", "x".repeat(31), "x".repeat(32), "é".repeat(300), "y".repeat(70_000)],
  ...[[], {}, [[]], [{}], { a: [] }, { "": 1, "a b": 2, constructor: 3, toString: 4 }],
  { list: [1, "two", { three: [null, false] }], deep: { er: { still: "here" } } },
  Array.from({ length: 20 }, (_, n) => n),
  Array.from({ length: 70_000 }, (_, n) => n % 3),
  Object.fromEntries(Array.from({ length: 20 }, (_, n) => [`key ${n}`, { n }])),
]

/** Data that a codec may carry or refuse, each in place of X in `{ rows: [0, { x: X }] }`. */
export function doubtful(): readonly unknown[] {
  const cycle: Record<string, unknown> = {}
  cycle["itself"] = cycle
  class Temperature {
    #degrees = 20
    get degrees(): number {
      return this.#degrees
    }
  }
  return [
    ...[new Date(0), new Date(-1), new Date(8.64e15), new Date(Number.NaN)],
    ...[new Map([["k", { v: 1 }]]), new Map(), new Map([[{ k: 1 }, new Map([[1, 2]])]]), new Set([1, "a"]), new Set()],
    ...[0n, -1n, 2n ** 63n, -(2n ** 200n), Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
    ...[
      Uint8Array.of(1, 2, 255),
      new Uint8Array(),
      Float64Array.of(0.5),
      Int16Array.of(-1),
      new DataView(new ArrayBuffer(2)),
    ],
    ...[[undefined], new Array(2), "\ud800", "a\udc00b", "\ufeffx", `\ufeff${"x".repeat(300)}`],
    ...[() => 1, Symbol("s"), new Error("e"), /r/g, new Temperature(), Promise.resolve(1), new WeakMap(), cycle],
    ...[Object(1), Object("s"), new Map([["f", () => 1]]), new Set([Symbol("s")]), { [Symbol.iterator]: null, f() {} }],
  ]
}

/** What breaks a decoder that trusts its input: parts of encodings, changed and put together. */
export function damaged(encode: (value: unknown) => Uint8Array): readonly Uint8Array[] {
  const random = createRandom(1)
  const whole = [{ a: [1, "text", { b: [true, null, 1.5] }], c: "x".repeat(40) }, [[[1, 2], [3]], { d: {} }]].map(
    encode,
  )
  const heads = [0xc1, 0xc6, 0xc9, 0xdb, 0xdd, 0xdf, 0xff, 0x7b, 0x5b, 0x22, 0x00]
  return whole.flatMap((bytes) =>
    Array.from(bytes).flatMap((_, at) => [
      ...heads.map((head) => bytes.with(at, head)),
      ...heads.map((head) =>
        Uint8Array.of(...bytes.subarray(0, at), head, 0xff, 0xff, 0xff, 0xff, ...bytes.subarray(at)),
      ),
      bytes.map((byte) => (random() < 0.1 ? Math.floor(random() * 256) : byte)),
    ]),
  )
}
