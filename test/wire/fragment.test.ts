import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { encodeBatch, type Packet, sizeOf, text, utf8 } from "../../src/wire/batch.ts"
import { cutPacket } from "../../src/wire/fragment.ts"
import { kindOf } from "../../src/wire/packet.ts"

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values)

/** Cuts a packet into parts of the given sizes; the last size is repeated until the packet ends. */
function cutAll(packet: Packet, sizes: readonly number[]): Packet[] {
  const parts: Packet[] = []
  for (let from = 0; from < packet.length; ) {
    const part = cutPacket(packet, from, from + (sizes[parts.length] ?? sizes.at(-1) ?? 1))
    parts.push(part)
    from += sizeOf(part) - 1
  }
  return parts
}

/** Joins parts as their receiver does, after each has crossed the wire as UTF-8 or as bytes. */
function joinAll(parts: readonly Packet[]): Packet {
  if (parts.every((part) => typeof part === "string")) return parts.map((part) => text(utf8(part)).slice(1)).join("")
  return Uint8Array.from(parts.flatMap((part) => (typeof part === "string" ? [] : [...part.subarray(1)])))
}

describe("a part of a packet", () => {
  it("of text is an f and the requested characters, while more follows", () => {
    expect(cutPacket("mchat\t12345", 2, 6)).toBe("fhat\t")
  })

  it("is an e when it ends the packet, and holds no more than the rest", () => {
    expect([cutPacket("mchat\t12345", 6, 11), cutPacket("mchat\t12345", 6, 1_000)]).toEqual(["e12345", "e12345"])
  })

  it("is an f although it reaches the end, when more of the packet follows after this piece", () => {
    expect([cutPacket("m\t1", 1, 3, true), cutPacket(bytes(109, 10), 1, 2, true)]).toEqual(["f\t1", bytes(0x66, 10)])
  })

  it("of bytes begins with the same letters, as bytes", () => {
    const packet = bytes(109, 98, 10, 1, 2)
    expect([cutPacket(packet, 0, 3), cutPacket(packet, 3, 9)]).toEqual([bytes(0x66, 109, 98, 10), bytes(0x65, 1, 2)])
  })

  it("of bytes is a copy: later changes of its packet do not change it", () => {
    const packet = bytes(109, 98, 10, 1, 2)
    const part = cutPacket(packet, 3, 5)
    packet.fill(0)
    expect(part).toEqual(bytes(0x65, 1, 2))
  })

  it("of bytes goes alone in a batch without another copy", () => {
    const part = cutPacket(bytes(109, 98, 10, 1, 2), 0, 3) as Uint8Array
    expect((encodeBatch([part]) as Uint8Array).buffer).toBe(part.buffer)
  })

  it("ends before a surrogate pair rather than inside it, and the next part begins with the pair", () => {
    const packet = "m\t\u{1f600}\u{1f600}"
    expect([cutPacket(packet, 0, 3), cutPacket(packet, 2, 5)]).toEqual(["fm\t", "f\u{1f600}"])
  })

  it("keeps half a surrogate pair that stands alone unchanged: such halves come only from JSON's own escapes", () => {
    expect(cutPacket("m\t\ud83d", 0, 3)).toBe("em\t\ud83d")
  })
})

describe("the parts of a packet", () => {
  const sizes = fc.array(fc.integer({ min: 2, max: 40 }), { minLength: 1, maxLength: 20 })
  const body = fc.string({ unit: "binary", maxLength: 200 })

  it("of text join to the packet after they have crossed a wire, whatever their sizes", () => {
    fc.assert(
      fc.property(body, sizes, (body, sizes) => {
        const packet = `m\t${body}`
        expect(joinAll(cutAll(packet, sizes))).toBe(packet)
      }),
    )
  })

  it("of bytes join to the packet, whatever their sizes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 200 }), sizes, (packet, sizes) => {
        expect(joinAll(cutAll(packet, sizes))).toEqual(Uint8Array.from(packet))
      }),
    )
  })

  it("are all an f except the last, which is an e, and none is larger than requested", () => {
    fc.assert(
      fc.property(body, fc.integer({ min: 2, max: 40 }), (body, size) => {
        const parts = cutAll(`m\t${body}`, [size])
        expect(parts.map(kindOf).join("")).toMatch(/^f*e$/)
        expect(Math.max(...parts.map(sizeOf))).toBeLessThanOrEqual(1 + size)
      }),
    )
  })
})
