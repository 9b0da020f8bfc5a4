import { type Codec, msgpack } from "everwire/msgpack"
import { json } from "everwire/server"
import { codecLaws, LawBroken } from "everwire/testing"
import { describe, expect, it } from "vitest"
import { utf8 } from "../../src/wire/batch.ts"

for (const codec of [json, msgpack()]) {
  describe(`the codec ${codec.name} keeps the laws`, () => {
    for (const { id, title, run } of codecLaws(codec)) it(`${id}: ${title}`, run)
  })
}

const honest = msgpack()
const encoded = (value: unknown): Uint8Array => honest.encode(value) as Uint8Array

/** Applies `change` to each value inside of this one, the innermost first. */
function everywhere(value: unknown, change: (item: unknown) => unknown): unknown {
  if (Array.isArray(value)) return change(value.map((item) => everywhere(item, change)))
  if (Object(value) !== value || Object.getPrototypeOf(value) !== Object.prototype) return change(value)
  return change(
    Object.fromEntries(Object.entries(value as object).map(([key, item]) => [key, everywhere(item, change)])),
  )
}

let last: { b?: unknown[] } = {}

/** A codec for each law that it breaks, and none of the others. */
const saboteurs: readonly { readonly law: string; readonly wrong: string; readonly codec: Partial<Codec> }[] = [
  { law: "codec.name", wrong: "has a name with a space", codec: { name: "my codec" } },
  {
    law: "codec.plain",
    wrong: "rounds integers to 32 bits",
    codec: {
      decode: (bytes, depth) =>
        everywhere(honest.decode(bytes, depth), (item) => (item === 2 ** 32 ? 2 ** 32 - 1 : item)),
    },
  },
  {
    law: "codec.absent",
    wrong: "makes null of a property that is undefined",
    codec: {
      encode: (value) => encoded(Object.keys(Object(value)).join() === "a,b" ? { a: null, b: 1 } : value),
    },
  },
  {
    law: "codec.refused",
    wrong: "makes a text of a Date",
    codec: {
      encode: (value) => encoded(everywhere(value, (item) => (item instanceof Date ? `${Number(item)}` : item))),
    },
  },
  {
    law: "codec.refused",
    wrong: "refuses without a path",
    codec: {
      encode: (value) => {
        try {
          return encoded(value)
        } catch {
          throw new TypeError("no")
        }
      },
    },
  },
  {
    law: "codec.kept",
    wrong: "sorts the lists that it is given",
    codec: {
      encode: (value) => {
        const { b } = Object(value) as { b?: unknown }
        if (Array.isArray(b)) b.sort()
        return encoded(value)
      },
    },
  },
  {
    law: "codec.kept",
    wrong: "gives its result to somebody else, too",
    codec: {
      decode: (bytes, depth) => {
        const value = honest.decode(bytes, depth) as { b?: unknown[] } | null
        if (Array.isArray(value?.b) && value.b.length === 3) {
          last.b?.pop()
          last = value
        }
        return value
      },
    },
  },
  {
    law: "codec.views",
    wrong: "reads the buffer from its beginning",
    codec: {
      decode: (bytes, depth) =>
        honest.decode(bytes.buffer.byteLength > bytes.length ? new Uint8Array(bytes.buffer) : bytes, depth),
    },
  },
  {
    law: "codec.cut",
    wrong: "passes over what stands behind a value",
    codec: {
      decode: (bytes, depth) => {
        try {
          return honest.decode(bytes, depth)
        } catch (error) {
          for (let length = bytes.length - 1; length > 0; length--) {
            try {
              return honest.decode(bytes.subarray(0, length), depth)
            } catch {
              // a shorter one may do
            }
          }
          throw error
        }
      },
    },
  },
  {
    law: "codec.prototypes",
    wrong: "assigns to the key __proto__",
    codec: {
      decode: (bytes, depth) => {
        const copy = bytes.slice()
        const at = Buffer.from(copy).indexOf("__proto__")
        if (at < 0) return honest.decode(bytes, depth)
        copy.set(utf8("_________"), at)
        return everywhere(honest.decode(copy, depth), (item) => {
          const { _________: prototype } = Object(item) as { _________?: object }
          return prototype ? Object.setPrototypeOf(Object(item), prototype) : item
        })
      },
    },
  },
  {
    law: "codec.damage",
    wrong: "believes the length that an array claims",
    codec: {
      decode: (bytes, depth) => {
        if (bytes[0] === 0xdd && bytes.length < 300) return new Array(100_000)
        return honest.decode(bytes, depth)
      },
    },
  },
  { law: "codec.depth", wrong: "is given no depth", codec: { decode: (bytes) => honest.decode(bytes) } },
  {
    law: "codec.depth",
    wrong: "refuses what is too deep with another code",
    codec: {
      decode: (bytes, depth) => {
        try {
          return honest.decode(bytes, depth)
        } catch {
          throw new RangeError("too deep")
        }
      },
    },
  },
]

it("every law of codecs has a saboteur, and every saboteur a law", () => {
  expect([...new Set(saboteurs.map(({ law }) => law))]).toEqual(codecLaws(honest).map(({ id }) => id))
})

describe("the laws detect a codec that", () => {
  for (const { law, wrong, codec } of saboteurs) {
    it(`${wrong} (${law})`, async () => {
      const broken: string[] = []
      for (const { id, run } of codecLaws({ ...honest, ...codec })) {
        try {
          await run()
        } catch (error) {
          if (!(error instanceof LawBroken)) throw error
          broken.push(id)
        }
      }
      expect(broken).toEqual([law])
    })
  }
})
