import { describe, expect, it } from "vitest"
import { cutPacket, splitPacket } from "../../src/wire/fragment.ts"
import { encodePacket } from "../../src/wire/packet.ts"

describe("splitPacket", () => {
  it("gives two parts: the first at most the requested size, the second the rest", () => {
    expect(splitPacket("mchat\t12345", 6)).toEqual(["fmchat", "e\t12345"])
  })

  it("cuts a part again; both pieces of an unfinished part are unfinished", () => {
    expect(splitPacket("e\t12345", 3)).toEqual(["f\t1", "e2345"])
    expect(splitPacket("f\t12345", 3)).toEqual(["f\t1", "f2345"])
  })

  it("cuts bytes as it cuts text", () => {
    const packet = encodePacket("m", ["b"], Uint8Array.of(1, 2, 3, 4))
    const [first, rest] = splitPacket(packet, 5) ?? []
    expect([first, rest]).toEqual([Uint8Array.of(0x66, 0x6d, 0x62, 10, 1), Uint8Array.of(0x65, 2, 3, 4)])
    const fragment = cutPacket(packet, 0, 6)
    expect(splitPacket(fragment, 5)?.[1]).toEqual(Uint8Array.of(0x66, 2, 3))
  })

  it("never separates the halves of a surrogate pair", () => {
    expect(splitPacket("m\t\u{1f600}\u{1f600}", 4)).toEqual(["fm\t", "e\u{1f600}\u{1f600}"])
  })

  it.each(["h{}", "n1", "a1", "t{}", "b{}"])("leaves a packet that is not numbered whole: %s", (packet) => {
    expect(splitPacket(packet.padEnd(100, " "), 10)).toBeUndefined()
  })

  it("leaves a packet whole that is small enough", () => {
    expect(splitPacket("m\t12345", 7)).toBeUndefined()
  })
})
