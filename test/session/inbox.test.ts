import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { Inbox } from "../../src/session/inbox.ts"
import { ListOutbox } from "../../src/session/outbox.ts"
import { decodeBatch, type Packet } from "../../src/wire/batch.ts"
import { kindOf } from "../../src/wire/packet.ts"

describe("an inbox", () => {
  it("takes the next number as new and a repeated one as known", () => {
    const inbox = new Inbox()
    expect([
      inbox.accept(1, 5),
      inbox.accept(2, 5),
      inbox.accept(1, 5),
      inbox.accept(2, 5),
      inbox.accept(3, 5),
    ]).toEqual([true, true, false, false, true])
    expect(inbox.heard).toBe(3)
  })

  it("refuses a gap, and is as before", () => {
    const inbox = new Inbox()
    inbox.accept(1, 5)
    expect(() => inbox.accept(3, 5)).toThrow(expect.objectContaining({ code: "protocol-error" }))
    expect([inbox.heard, inbox.owedPackets]).toEqual([1, 1])
    expect(inbox.accept(2, 5)).toBe(true)
  })

  it("owes an ack for a repeated packet too, because its sender has not heard the last ack", () => {
    const inbox = new Inbox()
    inbox.accept(1, 5)
    inbox.settle()
    inbox.accept(1, 7)
    expect([inbox.owedPackets, inbox.owedBytes]).toEqual([1, 7])
  })

  it("owes nothing once an ack has gone out", () => {
    const inbox = new Inbox()
    inbox.accept(1, 5)
    inbox.settle()
    expect([inbox.owedPackets, inbox.owedBytes, inbox.heard]).toEqual([0, 0, 1])
  })
})

describe("an inbox that hears a packet in parts", () => {
  /** An inbox that has heard two parts of packet 1: seven characters. */
  function begun(): Inbox {
    const inbox = new Inbox()
    inbox.join(1, 0, "fmx\tab")
    inbox.join(1, 5, "fcd")
    return inbox
  }

  it("gives the packet with its last part, and tells meanwhile how much of it has come", () => {
    const inbox = begun()
    expect([inbox.heard, inbox.part]).toEqual([0, 7])
    expect(inbox.join(1, 7, "eef")).toBe("mx\tabcdef")
  })

  it("counts the packet as heard when it is accepted, and starts the next one from zero", () => {
    const inbox = begun()
    inbox.join(1, 7, "eef")
    inbox.accept(1, 3)
    expect([inbox.heard, inbox.part]).toEqual([1, 0])
    inbox.join(2, 0, "fmy")
    expect(inbox.join(2, 2, "e\t1")).toBe("my\t1")
  })

  it("joins bytes", () => {
    const inbox = new Inbox()
    inbox.join(1, 0, Uint8Array.of(0x66, 109, 98))
    inbox.join(1, 2, Uint8Array.of(0x66, 10))
    expect(inbox.join(1, 3, Uint8Array.of(0x65, 1, 2))).toEqual(Uint8Array.of(109, 98, 10, 1, 2))
  })

  it.each([
    ["a part that is repeated", 5, "fcd"],
    ["a part that begins earlier and ends where the last one did", 2, "f\tabcd"],
    ["a part that ends before the last one did", 0, "fmx\t"],
  ])("is unchanged after %s", (_, from, part) => {
    const inbox = begun()
    expect(inbox.join(1, from, part)).toBeUndefined()
    expect(inbox.part).toBe(7)
    expect(inbox.join(1, 7, "eef")).toBe("mx\tabcdef")
  })

  it("takes only the new bytes of a part that begins earlier", () => {
    const inbox = begun()
    inbox.join(1, 3, "fabcdef")
    expect(inbox.part).toBe(9)
    expect(inbox.join(1, 9, "egh")).toBe("mx\tabcdefgh")
  })

  it("takes only the new bytes of a last part that begins earlier", () => {
    expect(begun().join(1, 0, "emx\tabcdef")).toBe("mx\tabcdef")
  })

  it("forgets the parts when the packet comes whole", () => {
    const inbox = begun()
    expect([inbox.accept(1, 9), inbox.part]).toEqual([true, 0])
    inbox.join(2, 0, "fm")
    expect(inbox.join(2, 1, "ey\t")).toBe("my\t")
  })

  it("ignores parts of a packet that was heard, and owes an ack for them", () => {
    const inbox = new Inbox()
    inbox.accept(1, 9)
    inbox.settle()
    expect([inbox.join(1, 0, "fmx\tab"), inbox.join(1, 5, "ecd"), inbox.part]).toEqual([undefined, undefined, 0])
    expect(inbox.accept(1, 3)).toBe(false)
    expect([inbox.owedPackets, inbox.owedBytes]).toEqual([2, 9])
  })

  it("refuses a gap between two parts", () => {
    expect(() => begun().join(1, 8, "fe")).toThrow(expect.objectContaining({ code: "protocol-error" }))
  })

  it("refuses a part of a packet that is not the next one", () => {
    expect(() => begun().join(2, 0, "fmx")).toThrow(expect.objectContaining({ code: "protocol-error" }))
  })

  it("takes parts up to the maximum size of a packet, and refuses one character more", () => {
    const inbox = begun()
    expect(() => inbox.join(1, 7, "fef", 9)).not.toThrow()
    expect(() => inbox.join(1, 9, "fg", 9)).toThrow(expect.objectContaining({ code: "too-large" }))
  })

  it("counts only new bytes towards that maximum", () => {
    expect(begun().join(1, 0, "emx\tabcdef", 9)).toBe("mx\tabcdef")
  })
})

describe("an inbox and the outbox of the other side", () => {
  it("rebuild the packets from parts of any sizes, over links that are cut anywhere", () => {
    const link = fc.record({
      /** The maximum size of a batch on this link. */
      maxBytes: fc.integer({ min: 2, max: 60 }),
      /** How many batches pass before the link is cut. */
      batches: fc.nat({ max: 12 }),
      /** How many of the heard bytes the inbox does not report: the next link repeats them. */
      forgotten: fc.constantFrom(0, 1, 7),
    })
    const packet = fc.oneof(
      fc.string({ unit: "binary", maxLength: 80 }).map((body): Packet => `m\t${body.replaceAll("\n", "")}`),
      fc.uint8Array({ maxLength: 80 }).map((body): Packet => Uint8Array.from([109, 10, ...body])),
    )
    let repeated = 0
    fc.assert(
      fc.property(fc.array(packet, { minLength: 1, maxLength: 6 }), fc.array(link, { maxLength: 8 }), (said, links) => {
        const [outbox, inbox] = [new ListOutbox(), new Inbox()]
        const heard: Packet[] = []
        for (const packet of said) outbox.push(packet)
        const last = { maxBytes: 50, batches: Number.POSITIVE_INFINITY, forgotten: 0 }
        for (const { maxBytes, batches, forgotten } of [...links, last]) {
          // In text, a position inside a surrogate pair is never reported: an honest side reports what it has, or
          // nothing.
          const isText = typeof said[inbox.heard] === "string"
          const told = isText && forgotten > 0 ? 0 : Math.max(0, inbox.part - forgotten)
          if (told < inbox.part) repeated++
          outbox.ack(inbox.heard)
          outbox.seek(inbox.heard, told)
          let [number, part] = [outbox.cursor + 1, outbox.part]
          for (let n = 0; n < batches && outbox.cursor < outbox.said; n++) {
            for (const packet of decodeBatch(outbox.next(maxBytes))) {
              const kind = kindOf(packet)
              const whole = kind === "m" ? packet : inbox.join(number, part, packet)
              part = kind === "f" ? part + packet.length - 1 : 0
              if (kind === "f") continue
              if (inbox.accept(number++, packet.length)) heard.push(whole ?? "")
            }
          }
        }
        expect(heard.map((packet) => String(packet))).toEqual(said.map((packet) => String(packet)))
      }),
      { numRuns: 500 },
    )
    expect(repeated).toBeGreaterThan(0)
  })
})
