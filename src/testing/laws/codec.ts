import { text, utf8 } from "../../wire/batch.ts"
import { type Codec, json } from "../../wire/codec.ts"
import { wordsOf } from "../../wire/errors.ts"
import { decodePayload } from "../../wire/payload.ts"
import { damaged, doubtful, PLAIN } from "./codec-data.ts"
import type { Law } from "./law.ts"
import { LawBroken } from "./law-broken.ts"
import { isSame } from "./same-value.ts"

/** What a law has of the codec that it is checked on. */
class CodecBench {
  readonly codec: Codec
  readonly #law: string

  constructor(codec: Codec, law: string) {
    this.codec = codec
    this.#law = law
  }

  /** Encodes data that the codec has to carry. */
  encode(value: unknown): Uint8Array {
    try {
      return this.tryEncode(value)
    } catch (error) {
      return this.breaks(`${wordsFor(value)} to be encoded`, wordsOf(error))
    }
  }

  /** Decodes what the codec has to understand. */
  decode(bytes: Uint8Array, maxDepth?: number): unknown {
    try {
      return this.tryDecode(bytes, maxDepth)
    } catch (error) {
      return this.breaks("an encoding to be decoded", wordsOf(error))
    }
  }

  tryEncode(value: unknown): Uint8Array {
    const body = this.codec.encode(value)
    // A copy, because the codec may use its buffer again. The text of JSON is sent as text, that of others as bytes.
    return typeof body === "string" ? utf8(body) : body.slice()
  }

  tryDecode(bytes: Uint8Array, maxDepth?: number): unknown {
    return this.codec.name === json.name ? decodePayload(text(bytes)) : this.codec.decode(bytes, maxDepth)
  }

  arrives(value: unknown): void {
    const arrived = this.decode(this.encode(value))
    if (!isSame(value, arrived)) this.breaks(`${wordsFor(value)} as it was`, wordsFor(arrived))
  }

  /** The words with which `encode` refuses a value. Undefined if it does not. */
  refusal(value: unknown): string | undefined {
    try {
      this.tryEncode(value)
      return undefined
    } catch (error) {
      return wordsOf(error)
    }
  }

  /** Asserts that this throws. Returns what it throws. */
  throws(what: string, run: () => unknown): unknown {
    let made: unknown
    try {
      made = run()
    } catch (error) {
      return error
    }
    return this.breaks(`${what} to throw`, wordsFor(made))
  }

  breaks(expected: string, seen: string): never {
    throw new LawBroken(this.#law, expected, seen)
  }
}

interface CodecLaw {
  readonly id: string
  readonly title: string
  /** JSON is left out of it. */
  readonly notForJson?: boolean
  readonly prove: (bench: CodecBench) => void
}

const laws: readonly CodecLaw[] = [
  {
    id: "codec.name",
    title: "its name is one that a hello can carry",
    prove: (bench) => {
      const { name } = bench.codec
      if (!/^[a-z0-9_.-]{1,32}$/.test(name)) bench.breaks("1 to 32 of a-z, 0-9, _, . and -", wordsFor(name))
    },
  },
  {
    id: "codec.plain",
    title: "plain data arrives as it is",
    prove: (bench) => {
      for (const value of PLAIN) bench.arrives(value)
    },
  },
  {
    id: "codec.absent",
    title: "a property that is undefined is left out",
    prove: (bench) => {
      const arrived = bench.decode(bench.encode({ a: undefined, b: 1 }))
      if (Object.keys(Object(arrived)).join() !== "b") bench.breaks("b alone", wordsFor(arrived))
    },
  },
  {
    id: "codec.refused",
    title: "all else arrives as it is, or is refused with its path",
    prove: (bench) => {
      for (const value of doubtful()) {
        const data = { rows: [0, { x: value }] }
        const refusal = bench.refusal(data)
        if (refusal === undefined) bench.arrives(data)
        else if (!/^EverwireError: (.*rows\[1\]\.x.*)$/.test(refusal)) {
          bench.breaks(`an EverwireError with the path rows[1].x for ${wordsFor(value)}`, refusal)
        }
      }
    },
  },
  {
    id: "codec.kept",
    title: "encoding changes nothing in the data, and decoded data stays as it is",
    prove: (bench) => {
      const make = (): unknown => ({ b: [3, 1, 2], a: { text: "x".repeat(100), inner: [{ z: 1, y: 2 }] } })
      const value = make()
      const first = bench.decode(bench.encode(value))
      bench.decode(bench.encode({ b: [9, 9, 9], a: { text: "y".repeat(100), inner: [{ z: 8, y: 8 }] } }))
      if (!isSame(value, make())) bench.breaks("the data as it was given", wordsFor(value))
      if (!isSame(first, make())) bench.breaks("what was decoded first", wordsFor(first))
    },
  },
  {
    id: "codec.views",
    title: "of a view on a larger buffer, only the view is read",
    prove: (bench) => {
      const value = { text: "in the middle", list: [1, 2, 3] }
      const bytes = bench.encode(value)
      const around = new Uint8Array(bytes.length + 14).fill(0x41)
      around.set(bytes, 7)
      const arrived = bench.decode(around.subarray(7, 7 + bytes.length))
      if (!isSame(value, arrived)) bench.breaks(`${wordsFor(value)} as it was`, wordsFor(arrived))
    },
  },
  {
    id: "codec.cut",
    title: "an encoding that is cut short, or has another behind it, is refused",
    prove: (bench) => {
      const bytes = bench.encode({ list: [1, { deep: ["a", "b"] }], text: "the end" })
      for (let length = 1; length < bytes.length; length++) {
        bench.throws(`${length} of ${bytes.length} bytes`, () => bench.tryDecode(bytes.slice(0, length)))
      }
      bench.throws("two in one", () => bench.tryDecode(Uint8Array.of(...bytes, ...bytes)))
    },
  },
  {
    id: "codec.prototypes",
    title: "no key that was sent changes a prototype",
    prove: (bench) => {
      const bytes = bench.encode({ outer: { abcdefghi: { polluted: true } } })
      // Where the codec writes keys as they are, this makes `__proto__` of one.
      const key = utf8("abcdefghi")
      const at = bytes.findIndex((_, from) => key.every((byte, n) => bytes[from + n] === byte))
      if (at >= 0) bytes.set(utf8("__proto__"), at)
      let arrived: unknown
      try {
        arrived = bench.tryDecode(bytes)
      } catch {
        return
      }
      const { outer } = Object(arrived) as { outer?: unknown }
      const prototype: unknown = Object.getPrototypeOf(Object(outer))
      if (prototype !== Object.prototype) bench.breaks("the prototype of all objects", wordsFor(prototype))
    },
  },
  {
    id: "codec.damage",
    title: "bytes that were changed are refused, or make no more than their length allows",
    prove: (bench) => {
      for (const bytes of damaged((value) => bench.encode(value))) {
        let arrived: unknown
        try {
          arrived = bench.tryDecode(bytes)
        } catch {
          continue
        }
        const parts = partsOf(arrived)
        if (parts > bytes.length) bench.breaks(`at most ${bytes.length} values of as many bytes`, `${parts}`)
      }
    },
  },
  {
    id: "codec.depth",
    title: "data that is nested deeper than the hub allows is refused as too large, and no other",
    notForJson: true, // its depth is checked by the hub, before it is parsed
    prove: (bench) => {
      for (const nest of [(inner: unknown) => [inner], (inner: unknown) => ({ inner })]) {
        let value: unknown = 1
        for (let level = 0; level < 20; level++) value = nest(value)
        const bytes = bench.encode(value)
        if (!isSame(bench.decode(bytes, 20), value)) bench.breaks("20 levels, where 20 are allowed", "something else")
        const error = bench.throws("20 levels, where 19 are allowed,", () => bench.tryDecode(bytes, 19))
        if ((Object(error) as { code?: unknown }).code !== "too-large") bench.breaks("too-large", wordsOf(error))
      }
    },
  },
]

/**
 * The laws that a codec has to keep, each ready to run in any test runner or in none. `docs/laws.md` lists them.
 *
 * @example
 * for (const { id, title, run } of codecLaws(mine)) test(`${id}: ${title}`, run)
 */
export function codecLaws(codec: Codec): Law[] {
  return laws
    .filter(({ notForJson }) => !notForJson || codec.name !== json.name)
    .map(({ id, title, prove }) => ({ id, title, run: async () => prove(new CodecBench(codec, id)) }))
}

/** How many values there are in this one. */
function partsOf(value: unknown): number {
  if (typeof value === "string") return value.length
  if (ArrayBuffer.isView(value)) return value.byteLength
  if (typeof value !== "object" || value === null) return 1
  if (value instanceof Map) return partsOf([...value].flat())
  if (value instanceof Set) return partsOf([...value])
  // The length, because holes are no values of `Object.values`.
  const items: unknown[] = Array.isArray(value)
    ? [...value.keys()].map((at): unknown => value[at])
    : Object.values(value)
  return items.reduce<number>((sum, item) => sum + partsOf(item), 1)
}

function wordsFor(value: unknown): string {
  try {
    const shown = JSON.stringify(value, (_, item: unknown) => (typeof item === "bigint" ? `${item}n` : item)) as
      | string
      | undefined // of a function, for instance
    return (shown ?? wordsOf(value)).slice(0, 80)
  } catch {
    return wordsOf(value)
  }
}
