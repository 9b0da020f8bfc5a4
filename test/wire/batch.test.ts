import { describe, expect, it } from "vitest"
import { decodeBatch, encodeBatch, joinBatches, type Packet, sizeOf, text, utf8 } from "../../src/wire/batch.ts"

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values)

const TRAPS = ["", "a", "tab\tand \u2028 and \u0000", "✓ 𝒳", "\u00ff\ufeffBOM", "x".repeat(70_000)]

describe("a batch", () => {
  it.each<[string, Packet[]]>([
    ["one text", ["mx\t1"]],
    ["several texts", ["a1", "n2", "mx\t1"]],
    ["one binary packet", [bytes(109, 10, 0, 255)]],
    ["text and bytes", ["a1", bytes(109, 10), "mx\t1", bytes()]],
    ["every Unicode trap beside bytes", [...TRAPS, bytes(1)]],
  ])("brings back %s as it was", (_, packets) => {
    expect(decodeBatch(encodeBatch(packets))).toEqual(packets)
  })

  it("is text when every packet is text, and a single text is its own batch", () => {
    expect(encodeBatch(["mx\t1"])).toBe("mx\t1")
    expect(encodeBatch(["a1", "mx\t1"])).toBe("a1\nmx\t1")
  })

  it("puts a 4-byte header before each packet, with the top bit for bytes", () => {
    expect(encodeBatch(["a1", bytes(7)])).toEqual(bytes(0, 0, 0, 2, 97, 49, 0x80, 0, 0, 1, 7))
  })

  it("gives plain Uint8Arrays, whatever subclass the platform delivered", () => {
    const batch = Buffer.from(encodeBatch([bytes(1, 2, 3)]) as Uint8Array)
    const [packet] = decodeBatch(batch)
    expect(Buffer.isBuffer(packet)).toBe(false)
    expect(packet).toEqual(bytes(1, 2, 3))
  })

  it("reads bytes that begin in the middle of a larger buffer", () => {
    const batch = encodeBatch(["a1", bytes(9)]) as Uint8Array
    const larger = new Uint8Array(batch.length + 5)
    larger.set(batch, 5)
    expect(decodeBatch(larger.subarray(5))).toEqual(["a1", bytes(9)])
  })

  it.each<[string, Uint8Array]>([
    ["ends inside a header", bytes(0, 0, 0)],
    ["holds a packet longer than itself", bytes(0, 0, 0, 9, 97)],
    ["claims the largest length there is", bytes(255, 255, 255, 255)],
    ["holds text that is not UTF-8", bytes(0, 0, 0, 1, 0xff)],
  ])("is refused when it %s", (_, batch) => {
    expect(() => decodeBatch(batch)).toThrow(expect.objectContaining({ code: "protocol-error" }))
  })
})

describe("joining batches", () => {
  it("keeps a single one as it is, and text as text", () => {
    const batch = encodeBatch([bytes(1)])
    expect(joinBatches([batch])).toBe(batch)
    expect(joinBatches(["a1", "n2\nmx\t1"])).toBe("a1\nn2\nmx\t1")
  })

  it("gives the packets of all of them, in order, when some are binary", () => {
    expect(decodeBatch(joinBatches(["a1\nn2", encodeBatch([bytes(1), "q"])]))).toEqual(["a1", "n2", bytes(1), "q"])
  })
})

describe("text and bytes", () => {
  it("keep a byte order mark", () => {
    expect(text(utf8("\ufeffx"))).toBe("\ufeffx")
  })

  it("are measured by their length: characters for text, bytes for bytes", () => {
    expect([sizeOf("abc"), sizeOf(bytes(1, 2))]).toEqual([3, 2])
  })
})
