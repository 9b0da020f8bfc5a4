import { describe, expect, it } from "vitest"
import { type Batch, decodeBatch, encodeBatch, type Packet } from "../../src/kernel/codec.ts"
import { BATCH_BYTES, PACKET_OVERHEAD_BYTES } from "../../src/kernel/defaults.ts"
import { Outbox } from "../../src/kernel/outbox.ts"

function filled(count: number): Outbox {
  const outbox = new Outbox()
  for (let n = 1; n <= count; n++) outbox.push(`m${n}`)
  return outbox
}

/** Everything behind the cursor, as it is handed on. */
function handedOn(outbox: Outbox): Batch[] {
  const batches: Batch[] = []
  while (outbox.cursor < outbox.said) batches.push(outbox.next())
  return batches
}

describe("an outbox", () => {
  it("numbers what is pushed from 1, and hands it on as one batch", () => {
    const outbox = filled(3)
    expect([outbox.said, outbox.cursor, handedOn(outbox), outbox.cursor]).toEqual([3, 0, ["m1\nm2\nm3"], 3])
  })

  it("keeps what is not acknowledged, handed on or not", () => {
    const outbox = filled(2)
    outbox.next()
    outbox.push("m3")
    expect([...outbox.unacknowledged()]).toEqual(["m1", "m2", "m3"])
    outbox.ack(2)
    expect([outbox.acked, outbox.said, ...outbox.unacknowledged()]).toEqual([2, 3, "m3"])
  })

  it("takes an older ack than the last for no news", () => {
    const outbox = filled(5)
    outbox.ack(4)
    outbox.ack(2)
    expect([outbox.acked, ...outbox.unacknowledged()]).toEqual([4, "m5"])
  })

  it("is never ahead of what was said, whatever an ack claims", () => {
    const outbox = filled(2)
    outbox.ack(9)
    expect([outbox.acked, outbox.said, outbox.cursor, outbox.bytes]).toEqual([2, 2, 2, 0])
    outbox.push("m3")
    expect(handedOn(outbox)).toEqual(["m3"])
  })

  it("counts what it holds with an overhead for each packet, joined or not", () => {
    const outbox = filled(2)
    outbox.next()
    outbox.push(new Uint8Array(100))
    expect(outbox.bytes).toBe(2 + 2 + 100 + 3 * PACKET_OVERHEAD_BYTES)
    outbox.ack(2)
    expect(outbox.bytes).toBe(100 + PACKET_OVERHEAD_BYTES)
  })

  it("counts a batch that is acknowledged in part until it is acknowledged whole", () => {
    const outbox = filled(3)
    outbox.next()
    outbox.ack(2)
    expect([outbox.bytes, ...outbox.unacknowledged()]).toEqual([6 + 3 * PACKET_OVERHEAD_BYTES, "m3"])
    outbox.ack(3)
    expect(outbox.bytes).toBe(0)
  })

  it("holds the very packet it was given, so that a broadcast costs one payload", () => {
    const packet = new Uint8Array(8)
    const outbox = new Outbox()
    outbox.push(packet)
    outbox.next()
    const [held] = outbox.unacknowledged()
    expect(held).toBe(packet)
  })

  it("keeps its numbers over thousands of acks in the midst of batches", () => {
    const outbox = new Outbox()
    for (let n = 1; n <= 5_000; n++) {
      outbox.push(`m${n}`)
      if (n % 7 === 0) outbox.next()
      if (n % 3 === 0) outbox.ack(n - 2)
    }
    const expected = [4_997, 4_998, 4_999, 5_000].map((n) => `m${n}`)
    expect([outbox.acked, ...outbox.unacknowledged()]).toEqual([4_996, ...expected])
    expect(handedOn(outbox)).toEqual([expected.slice(2).join("\n")])
  })
})

describe("what an outbox hands on", () => {
  it("is at most a batch long, unless one packet is longer", () => {
    const half = `m${"x".repeat(BATCH_BYTES / 2)}`
    const whole = `m${"x".repeat(BATCH_BYTES + 1)}`
    const outbox = new Outbox()
    for (const packet of [half, "m2", half, whole, "m5"]) outbox.push(packet)
    expect(handedOn(outbox)).toEqual([`${half}\nm2`, half, whole, "m5"])
  })

  it("is handed on again as it was, from the cursor on", () => {
    const outbox = filled(4)
    outbox.next()
    outbox.push("m5")
    outbox.push("m6")
    outbox.next()
    outbox.seek(0)
    expect(handedOn(outbox)).toEqual(["m1\nm2\nm3\nm4", "m5\nm6"])
    outbox.seek(4)
    expect(handedOn(outbox)).toEqual(["m5\nm6"])
  })

  it("is the rest of a batch where the cursor stands in its midst", () => {
    const bytes = new Uint8Array([109, 10, 1])
    const outbox = new Outbox()
    for (const packet of ["m1", bytes, "m3"]) outbox.push(packet)
    outbox.next()
    outbox.seek(1)
    expect(decodeBatch(outbox.next())).toEqual([bytes, "m3"])
    outbox.seek(2)
    expect(handedOn(outbox)).toEqual(["m3"])
    outbox.seek(3)
    expect(handedOn(outbox)).toEqual([])
  })

  it("starts behind an ack that overtakes the cursor", () => {
    const outbox = filled(4)
    outbox.next()
    outbox.seek(0)
    outbox.ack(3)
    expect([outbox.cursor, handedOn(outbox)]).toEqual([3, ["m4"]])
  })

  it("joins single packets again where a batch follows them", () => {
    const outbox = filled(1)
    outbox.next() // alone
    outbox.push("m2")
    outbox.next() // alone
    outbox.push("m3")
    outbox.push("m4")
    outbox.next()
    outbox.seek(0)
    outbox.push("m5")
    expect(handedOn(outbox)).toEqual(["m1\nm2", "m3\nm4", "m5"])
    outbox.ack(2)
    expect([...outbox.unacknowledged()]).toEqual(["m3", "m4", "m5"])
  })

  it("is joined once for all who said the same in a row, and for nobody else", () => {
    const joined = (...packets: Packet[]): Batch => {
      const outbox = new Outbox()
      for (const packet of packets) outbox.push(packet)
      return outbox.next()
    }
    const bytes = new Uint8Array([109, 97, 10])
    const one = joined("ma\t1", bytes)
    expect(joined("ma\t1", bytes)).toBe(one)
    for (const others of [["ma\t1", "mb\t2"], ["ma\t1"], ["ma\t1", "mb\t3"], ["ma\t1", bytes, "mb\t2"]]) {
      expect(joined(...others)).toEqual(encodeBatch(others))
    }
  })
})
