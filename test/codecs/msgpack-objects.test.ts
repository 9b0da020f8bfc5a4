// How many objects a payload in msgpack may have: `encode` and `decode` count them alike.

import { msgpack } from "everwire/msgpack"
import { describe, expect, it } from "vitest"

const codec = msgpack()
const tooLarge: unknown = expect.objectContaining({ code: "too-large" })
const many = <T>(count: number, item: (n: number) => T): T[] => Array.from({ length: count }, (_, n) => item(n))

/** An array of so many items, from 16 on, with nothing that checks it. `item`: its bytes in hexadecimal. */
function bytesOf(count: number, item: string): Buffer {
  const head = count < 65_536 ? `dc${count.toString(16).padStart(4, "0")}` : `dd${count.toString(16).padStart(8, "0")}`
  return Buffer.from(head + item.repeat(count), "hex")
}

describe("a payload has 65,536 objects at most, and one more for each 8 bytes", () => {
  // `objects`: how many one value counts. `item`: its bytes in hexadecimal.
  it.each<[title: string, objects: number, item: string, value: () => unknown]>([
    ["empty lists", 1, "90", () => []],
    ["empty objects", 1, "80", () => ({})],
    ["empty bytes", 1, "c400", () => new Uint8Array()],
    ["empty buffers", 1, "c400", () => new ArrayBuffer(0)],
    ["bigints", 1, "d40131", () => 1n],
    ["moments", 1, "d6ff00000001", () => new Date(1_000)],
    ["empty Maps", 2, "d40290", () => new Map()],
    ["empty Sets", 2, "d40390", () => new Set()],
    [
      "Sets of a text that UTF-8 cannot carry",
      3,
      `c70b0391d704${Buffer.from('"\\ud800"').toString("hex")}`,
      () => new Set(["\ud800"]),
    ],
    ["Sets of lists", 3, "d5039190", () => new Set([[]])],
  ])("%s", (_title, objects, item, value) => {
    // The list of all counts, too.
    const fits = (count: number) =>
      1 + objects * count <= 65_536 + Math.floor((bytesOf(count, "").length + (count * item.length) / 2) / 8)
    let most = Math.floor(65_536 / (objects - item.length / 16)) - 3
    while (fits(most + 1)) most++
    const asMany = many(most, value)
    expect(bytesOf(most, item).equals(codec.encode(asMany) as Uint8Array)).toBe(true) // it encodes to bytes
    expect(codec.decode(bytesOf(most, item), 10)).toHaveLength(most)
    expect(() => codec.encode([...asMany, value()])).toThrow(tooLarge)
    expect(() => codec.decode(bytesOf(most + 1, item), 10)).toThrow(tooLarge)
  })

  it.each<[title: string, value: () => unknown]>([
    ["900,000 numbers", () => many(900_000, (n) => n % 3)],
    ["150,000 texts", () => many(150_000, (n) => `${n}`)],
    ["an object of 90,000 numbers", () => Object.fromEntries(many(90_000, (n) => [`k${n}`, n]))],
    ["140,000 points", () => many(140_000, (n) => ({ x: n % 100, y: 1 }))],
    ["40,000 values with their moments", () => many(40_000, (n) => ({ at: new Date(1_000 * n), value: n / 3 }))],
  ])("which leaves room for %s", (_title, value) => {
    const given = value()
    const bytes = codec.encode(given) as Uint8Array // this codec encodes to bytes
    expect(bytes.length).toBeLessThan(1_048_576)
    expect(JSON.stringify(codec.decode(bytes))).toBe(JSON.stringify(given))
  })
})
