import { describe, expect, it } from "vitest"
import { PACKET_OVERHEAD_BYTES } from "../../src/kernel/defaults.ts"
import { Outbox } from "../../src/kernel/outbox.ts"

function filled(count: number): Outbox {
  const outbox = new Outbox()
  for (let n = 1; n <= count; n++) outbox.push(`m${n}`)
  return outbox
}

describe("an outbox", () => {
  it("numbers what is pushed from 1", () => {
    const outbox = filled(3)
    expect([outbox.said, outbox.at(1), outbox.at(3), outbox.at(0), outbox.at(4)]).toEqual([
      3,
      "m1",
      "m3",
      undefined,
      undefined,
    ])
  })

  it("forgets what is acknowledged and keeps the rest under its numbers", () => {
    const outbox = filled(5)
    outbox.ack(2)
    expect([outbox.acked, outbox.said, outbox.at(2), outbox.at(3)]).toEqual([2, 5, undefined, "m3"])
    expect(outbox.from(3)).toEqual(["m3", "m4", "m5"])
    expect(outbox.from(5)).toEqual(["m5"])
  })

  it("takes an older ack than the last for no news", () => {
    const outbox = filled(5)
    outbox.ack(4)
    outbox.ack(2)
    expect([outbox.acked, outbox.from(1)]).toEqual([4, ["m5"]])
  })

  it("is never ahead of what was said, whatever an ack claims", () => {
    const outbox = filled(2)
    outbox.ack(9)
    expect([outbox.acked, outbox.said, outbox.bytes]).toEqual([2, 2, 0])
    outbox.push("m3")
    expect(outbox.at(3)).toBe("m3")
  })

  it("counts what it holds with an overhead for each packet", () => {
    const outbox = filled(2)
    outbox.push(new Uint8Array(100))
    expect(outbox.bytes).toBe(2 + 2 + 100 + 3 * PACKET_OVERHEAD_BYTES)
    outbox.ack(2)
    expect(outbox.bytes).toBe(100 + PACKET_OVERHEAD_BYTES)
  })

  it("holds the very packet it was given, so that a broadcast costs one payload", () => {
    const packet = new Uint8Array(8)
    const outbox = new Outbox()
    outbox.push(packet)
    expect(outbox.at(1)).toBe(packet)
  })

  it("keeps its numbers over thousands of acks", () => {
    const outbox = new Outbox()
    for (let n = 1; n <= 5_000; n++) {
      outbox.push(`m${n}`)
      if (n % 3 === 0) outbox.ack(n - 2)
      expect(outbox.at(n)).toBe(`m${n}`)
    }
    expect([outbox.acked, outbox.at(outbox.acked + 1)]).toEqual([4_996, "m4997"])
  })
})
