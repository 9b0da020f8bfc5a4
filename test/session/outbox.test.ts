import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { PackedList } from "../../src/server/sessions/packed-list.ts"
import { Log, mostBytesOf } from "../../src/server/sessions/packet-list.ts"
import { LastJoined, SharedOutbox } from "../../src/server/sessions/shared-outbox.ts"
import { ListOutbox, type Outbox, WITHDRAWN } from "../../src/session/outbox.ts"
import { type Batch, decodeBatch, encodeBatch, type Packet } from "../../src/wire/batch.ts"
import { BATCH_BYTES, PACKET_OVERHEAD_BYTES } from "../../src/wire/defaults.ts"
import { kindOf } from "../../src/wire/packet.ts"

function filled(count: number): SharedOutbox {
  const outbox = new SharedOutbox(new LastJoined())
  for (let n = 1; n <= count; n++) outbox.push(`m${n}`)
  return outbox
}

/** All batches that the outbox gives, from its cursor to its end. */
function handedOn(outbox: Outbox): Batch[] {
  const batches: Batch[] = []
  while (outbox.cursor < outbox.said) batches.push(outbox.next(BATCH_BYTES))
  return batches
}

describe("an outbox", () => {
  it("numbers pushed packets from 1, and gives them as one batch", () => {
    const outbox = filled(3)
    expect([outbox.said, outbox.cursor, handedOn(outbox), outbox.cursor]).toEqual([3, 0, ["m1\nm2\nm3"], 3])
  })

  it("keeps packets that are not acknowledged, whether they were given to the link or not", () => {
    const outbox = filled(2)
    outbox.next(BATCH_BYTES)
    outbox.push("m3")
    expect([...outbox.unacknowledged()]).toEqual(["m1", "m2", "m3"])
    outbox.ack(2)
    expect([outbox.acked, outbox.said, ...outbox.unacknowledged()]).toEqual([2, 3, "m3"])
  })

  it("ignores an ack that is older than the last one", () => {
    const outbox = filled(5)
    outbox.ack(4)
    outbox.ack(2)
    expect([outbox.acked, ...outbox.unacknowledged()]).toEqual([4, "m5"])
  })

  it("counts an overhead for each packet that it holds, whether packets are joined or not", () => {
    const outbox = filled(2)
    outbox.next(BATCH_BYTES)
    outbox.push(new Uint8Array(100))
    expect(outbox.bytes).toBe(2 + 2 + 100 + 2 * PACKET_OVERHEAD_BYTES + 256)
    outbox.ack(2)
    expect(outbox.bytes).toBe(100 + 256)
  })

  it("counts a text that has a unit above U+00FF, and the texts joined with it, in two bytes per unit", () => {
    const outbox = new SharedOutbox(new LastJoined())
    const texts = ["mé", "m€", "mx"].map((text) => text.padEnd(2_000, "."))
    for (const text of texts) outbox.push(text)
    const costs = [2_000, 4_000, 4_000].map((bytes) => bytes + PACKET_OVERHEAD_BYTES)
    const sum = (from: number): number => costs.slice(from).reduce((one, other) => one + other, 0)
    expect(outbox.bytes).toBe(sum(0))
    outbox.next(BATCH_BYTES)
    const left = [1, 2, 3].map((number) => {
      outbox.ack(number)
      return outbox.bytes
    })
    expect(left).toEqual([sum(1), sum(2), 0])
  })

  it("counts many short texts in two bytes per unit, from the first checked one with a unit above U+00FF", () => {
    const outbox = new SharedOutbox(new LastJoined())
    for (let n = 0; n < 1_000; n++) outbox.push("m".padEnd(100, "€"))
    expect(outbox.bytes).toBeGreaterThan(0.97 * 1_000 * (200 + PACKET_OVERHEAD_BYTES))
    outbox.next(BATCH_BYTES)
    outbox.ack(500)
    outbox.ack(1_000)
    expect(outbox.bytes).toBe(0)
  })

  it("releases all packets when it is cleared, and keeps its numbers", () => {
    const outbox = filled(3)
    outbox.next(BATCH_BYTES)
    outbox.clear()
    expect([outbox.said, outbox.bytes, [...outbox.lists()]]).toEqual([3, 0, []])
  })

  it("counts only the remainder of a batch that is acknowledged in part", () => {
    const outbox = filled(3)
    outbox.next(BATCH_BYTES)
    outbox.ack(2)
    expect([outbox.bytes, ...outbox.unacknowledged()]).toEqual([2 + PACKET_OVERHEAD_BYTES, "m3"])
    outbox.ack(3)
    expect(outbox.bytes).toBe(0)
  })

  it("holds the same packet object that it was given, so that a broadcast keeps its payload once", () => {
    const packet = new Uint8Array(8)
    const outbox = new SharedOutbox(new LastJoined())
    outbox.push(packet)
    outbox.next(BATCH_BYTES)
    const [held] = outbox.unacknowledged()
    expect(held).toBe(packet)
  })

  it("keeps its numbers over thousands of acks that end in the middle of a batch", () => {
    const outbox = new SharedOutbox(new LastJoined())
    for (let n = 1; n <= 5_000; n++) {
      outbox.push(`m${n}`)
      if (n % 7 === 0) outbox.next(BATCH_BYTES)
      if (n % 3 === 0) outbox.ack(n - 2)
    }
    const expected = [4_997, 4_998, 4_999, 5_000].map((n) => `m${n}`)
    expect([outbox.acked, ...outbox.unacknowledged()]).toEqual([4_996, ...expected])
    expect(handedOn(outbox)).toEqual([expected.slice(2).join("\n")])
  })
})

describe("the batch that an outbox gives", () => {
  it("is no longer than requested, and is a single part of a packet that is longer", () => {
    const half = `m${"x".repeat(BATCH_BYTES / 2)}`
    const longer = `m${"x".repeat(BATCH_BYTES)}yz`
    const outbox = new SharedOutbox(new LastJoined())
    for (const packet of [half, "m2", half, longer, "m5"]) outbox.push(packet)
    expect(handedOn(outbox)).toEqual([`${half}\nm2`, half, `fm${"x".repeat(BATCH_BYTES - 1)}`, "exyz", "m5"])
  })

  it("is given again from the cursor on, in as few batches as possible", () => {
    const outbox = filled(4)
    outbox.next(BATCH_BYTES)
    outbox.push("m5")
    outbox.push("m6")
    outbox.next(BATCH_BYTES)
    outbox.seek(0)
    expect(handedOn(outbox)).toEqual(["m1\nm2\nm3\nm4\nm5\nm6"])
    outbox.seek(4)
    expect(handedOn(outbox)).toEqual(["m5\nm6"])
  })

  it("is the rest of a batch when the cursor is in the middle of that batch", () => {
    const bytes = new Uint8Array([109, 10, 1])
    const outbox = new SharedOutbox(new LastJoined())
    for (const packet of ["m1", bytes, "m3"]) outbox.push(packet)
    outbox.next(BATCH_BYTES)
    outbox.seek(1)
    expect(decodeBatch(outbox.next(BATCH_BYTES))).toEqual([bytes, "m3"])
    outbox.seek(2)
    expect(handedOn(outbox)).toEqual(["m3"])
    outbox.seek(3)
    expect(handedOn(outbox)).toEqual([])
  })

  it("starts after an ack that is ahead of the cursor", () => {
    const outbox = filled(4)
    outbox.next(BATCH_BYTES)
    outbox.seek(0)
    outbox.ack(3)
    expect([outbox.cursor, handedOn(outbox)]).toEqual([3, ["m4"]])
  })

  it("is joined once for all sessions of a hub that hold the same run of packets, and for no others", () => {
    const last = new LastJoined()
    const joined = (...packets: Packet[]): Batch => {
      const outbox = new SharedOutbox(last)
      for (const packet of packets) outbox.push(packet)
      return outbox.next(BATCH_BYTES)
    }
    const bytes = new Uint8Array([109, 97, 10])
    const one = joined("ma\t1", bytes)
    expect(joined("ma\t1", bytes)).toBe(one)
    for (const others of [["ma\t1", "mb\t2"], ["ma\t1"], ["ma\t1", "mb\t3"], ["ma\t1", bytes, "mb\t2"]]) {
      expect(joined(...others)).toEqual(encodeBatch(others))
    }
  })

  it("is kept for the next session up to the size of a batch: one packet alone, of any size, is not", () => {
    const last = new LastJoined()
    const two = [new Uint8Array(BATCH_BYTES / 2), new Uint8Array(9)]
    const joined = last.of(two)
    const large = new Uint8Array(4 * BATCH_BYTES)
    expect(last.of([large])).not.toBe(last.of([large]))
    expect(last.of(two)).toBe(joined)
  })
})

describe("an outbox whose packets are larger than the maximum of a batch", () => {
  const LETTERS = `m${"abcdefghijklmnopqrstuvwxyz".repeat(4)}`

  it("gives one part after the other, and counts the packet as given only with its last part", () => {
    const outbox = new SharedOutbox(new LastJoined())
    outbox.push("mabcdefg")
    const handed = [3, 3, 3].map((maxBytes) => [outbox.next(maxBytes), outbox.cursor, outbox.part])
    expect(handed).toEqual([
      ["fmab", 0, 3],
      ["fcde", 0, 6],
      ["efg", 1, 0],
    ])
  })

  it("continues with parts of another size when more or less is requested", () => {
    const outbox = new SharedOutbox(new LastJoined())
    outbox.push("mabcdefg")
    expect([outbox.next(2), outbox.next(4), outbox.next(100)]).toEqual(["fma", "fbcde", "efg"])
  })

  it.each([new SharedOutbox(new LastJoined()), new ListOutbox()])(
    "puts more packets into a batch than the size of a part, where the caller allows it",
    (outbox) => {
      for (const packet of ["m1", "m2", "m3", "mabcdefg"]) outbox.push(packet)
      expect([outbox.next(3, 8), outbox.next(3, 8)]).toEqual(["m1\nm2\nm3", "fmab"])
    },
  )

  it("begins the next packet in its own batch, uncut where it fits", () => {
    const outbox = new SharedOutbox(new LastJoined())
    for (const packet of ["mabcdefg", "m2", "m3"]) outbox.push(packet)
    expect([outbox.next(5), outbox.next(5), outbox.next(5)]).toEqual(["fmabcd", "eefg", "m2\nm3"])
  })

  it("holds the uncut packet meanwhile, and counts all of it", () => {
    const outbox = new SharedOutbox(new LastJoined())
    outbox.push(LETTERS)
    outbox.next(10)
    expect([...outbox.unacknowledged()]).toEqual([LETTERS])
    expect(outbox.bytes).toBe(LETTERS.length + PACKET_OVERHEAD_BYTES)
  })

  it("continues in the middle of a packet, at the position that the other side tells", () => {
    const outbox = new SharedOutbox(new LastJoined())
    outbox.push("m1")
    outbox.push("mabcdefg")
    outbox.seek(1, 4)
    expect([outbox.part, outbox.next(2), outbox.next(9)]).toEqual([4, "fde", "efg"])
  })

  it.each([
    ["there is no packet behind", 2, 3],
    ["the packet is not as long", 1, 8],
    ["the packet is no longer than that", 1, 9],
  ])("restarts at the beginning of a packet where %s", (_, number, part) => {
    const outbox = new SharedOutbox(new LastJoined())
    outbox.push("m1")
    outbox.push("mabcdefg")
    outbox.seek(number, part)
    expect(outbox.part).toBe(0)
  })

  it("stays in the middle of a packet when the packets before it are acknowledged", () => {
    const outbox = new SharedOutbox(new LastJoined())
    outbox.push("m1")
    outbox.push("mabcdefg")
    outbox.next(3)
    outbox.next(3)
    outbox.ack(1)
    expect([outbox.cursor, outbox.part, outbox.next(9)]).toEqual([1, 3, "ecdefg"])
  })

  it("leaves the middle of a packet when that packet is acknowledged, because it was heard on another link", () => {
    const outbox = new SharedOutbox(new LastJoined())
    outbox.push("mabcdefg")
    outbox.push("m2")
    outbox.next(3)
    outbox.ack(1)
    expect([outbox.cursor, outbox.part, outbox.next(9)]).toEqual([1, 0, "m2"])
  })
})

describe("an outbox whose peer does not keep up", () => {
  const kinds = ["m", "q", "r", "k"]
  /** Such as fit into a packed list, and such as do not: they are large, or bytes, or may be taken back. */
  const packetOf = (n: number): Packet => {
    if (n % 7 === 0) return new Uint8Array([109, n % 256, 10])
    const filler = n % 5 === 0 ? "\u20ac" : n % 3 === 0 ? "\u00e9" : "."
    return `${kinds[n % 4] ?? "m"}${n}\t`.padEnd([20, 1_000, 9_000, 16_384, 17_000][n % 11] ?? 300, filler)
  }

  it("gives, counts and withdraws what it is sent as if it were not packed", () => {
    const step = fc.record({
      do: fc.constantFrom("push" as const, "push" as const, "next" as const, "ack" as const, "seek" as const),
      size: fc.nat({ max: 400 }),
      withdraws: fc.integer({ min: 0, max: 9 }),
    })
    let packed = 0
    fc.assert(
      fc.property(fc.array(step, { maxLength: 25 }), (steps) => {
        const outbox = new SharedOutbox(new LastJoined())
        const said: Packet[] = []
        /** What has come at the other end, by number, and what of the next packet. */
        const come = new Map<number, Packet>()
        let parts = ""
        for (const { do: what, size, withdraws } of steps) {
          const { acked, cursor } = outbox
          const number = acked + (size % (said.length - acked + 1))
          if (what === "push") {
            for (let n = 0; n < 20; n++) {
              said.push(packetOf(said.length + size))
              outbox.push(said.at(-1) ?? "")
            }
          } else if (what === "next") {
            for (let times = 0; times < 4 && outbox.cursor < outbox.said; times++) {
              const before = outbox.cursor
              const batch = outbox.next(1_024 * (1 + size), 16_384)
              if (typeof batch === "string" && /^[fe]/.test(batch)) {
                parts += batch.slice(1)
                if (outbox.cursor > before) come.set(outbox.cursor, parts)
                if (outbox.cursor > before) parts = ""
              } else for (const [n, packet] of decodeBatch(batch).entries()) come.set(before + 1 + n, packet)
            }
          } else if (what === "ack") {
            outbox.ack(Math.min(number, cursor))
            parts = outbox.part > 0 ? parts : ""
          } else {
            parts = ""
            come.clear()
            outbox.seek(number)
            // As a request that nobody waits for any more, or messages that must not be repeated.
            const request = said.slice(number + withdraws).find((packet) => packet.length > 0 && kindOf(packet) === "q")
            const isRefused = (packet: Packet, one: number): boolean =>
              one > number && (packet === request || one % 10 === withdraws)
            outbox.withdraw(isRefused)
            for (const [at, packet] of said.entries()) if (isRefused(packet, at + 1)) said[at] = WITHDRAWN
          }
          for (const [one, packet] of come) {
            if (one <= outbox.cursor && packet !== said[one - 1]) expect([one, packet]).toEqual([one, said[one - 1]])
          }
          const left = said.slice(outbox.acked)
          expect(outbox.unacknowledged().every((packet, at) => packet === left[at])).toBe(true)
          expect([outbox.said, outbox.messages]).toEqual([
            said.length,
            left.filter((one) => kindOf(one) === "m").length,
          ])
          packed += [...outbox.lists()].filter((list) => list instanceof PackedList).length
        }
        outbox.ack(said.length)
        expect(outbox.bytes).toBe(0)
      }),
      { numRuns: 100 },
    )
    expect(packed).toBeGreaterThan(500)
  })

  it("packs what it is sent into few lists, whatever is between", () => {
    const outbox = new SharedOutbox(new LastJoined())
    outbox.push(`m${"x".repeat(BATCH_BYTES)}`)
    for (let n = 1; n <= 100; n++) {
      outbox.push(`m${n}\t`.padEnd(400, "."))
      outbox.push(`q${n}\task\t`)
      outbox.push(new Uint8Array(3))
    }
    expect(new Set([...outbox.lists()].filter((list) => list instanceof PackedList)).size).toBe(1)
  })

  it("says of each list how much memory it takes, before it begins one", () => {
    const outbox = new SharedOutbox(new LastJoined())
    outbox.push(`m${"x".repeat(BATCH_BYTES)}`)
    let told = 0
    for (let n = 0; n < 3_000; n++) {
      const packet = `m${n}\t`.padEnd(n % 700, n % 2 === 0 ? "\u20ac" : ".")
      const before = memoryOf(outbox)
      told = outbox.listBytesFor(packet) + mostBytesOf(packet, undefined, undefined)
      outbox.push(packet)
      expect(memoryOf(outbox) - before).toBeLessThanOrEqual(told)
    }
  })

  it("packs no more once its peer has caught up, and lets go of what it has packed", () => {
    const outbox = new SharedOutbox(new LastJoined())
    outbox.push(`m${"x".repeat(BATCH_BYTES)}`)
    outbox.push("m2")
    outbox.push("m3")
    outbox.ack(2)
    outbox.push("m4")
    outbox.push("m5")
    outbox.ack(4)
    expect([...outbox.lists()].map((list) => list instanceof PackedList)).toEqual([false])
    outbox.push(`m${"x".repeat(BATCH_BYTES)}`)
    outbox.push("m6")
    expect([...outbox.lists()].at(-1)).toBeInstanceOf(PackedList)
    expect(outbox.unacknowledged().map(({ length }) => length)).toEqual([2, BATCH_BYTES + 1, 2])
  })

  function memoryOf(outbox: SharedOutbox): number {
    let bytes = 0
    for (const list of new Set(outbox.lists())) bytes += list.bytes
    return bytes
  }
})

describe("a log", () => {
  it("answers the list whose last packet it is, and begins another list before one gets long", () => {
    const log = new Log()
    const fit = Math.floor(BATCH_BYTES / (2 + PACKET_OVERHEAD_BYTES))
    const lists = Array.from({ length: fit + 1 }, () => log.append("m1"))
    expect(new Set(lists.slice(0, fit)).size).toBe(1)
    expect([lists[0]?.held.length, lists.at(-1)?.held]).toEqual([fit, ["m1"]])
  })

  it("puts a large packet into a list of its own, so that an outbox that keeps another does not keep it", () => {
    const log = new Log()
    const half = BATCH_BYTES / 2
    const lists = [half, half - 200, half, BATCH_BYTES + 1, 1].map((size) => log.append("m".repeat(size)))
    const sizes = lists.map(({ held }) => [...held].map(({ length }) => length))
    expect(sizes).toEqual([[half, half - 200], [half, half - 200], [half], [BATCH_BYTES + 1], [1]])
  })
})

describe("outboxes that share a log", () => {
  it("keep what outboxes with their own lists keep, and give it in order, and large packets in parts", () => {
    const size = fc.constantFrom(1, 10, 1_000, BATCH_BYTES / 2, BATCH_BYTES)
    const who = fc.nat(2)
    const move = fc.oneof(
      fc.record({ kind: fc.constant("all" as const), size, times: fc.integer({ min: 1, max: 300 }) }),
      fc.record({ kind: fc.constant("one" as const), who, size, times: fc.integer({ min: 1, max: 20 }) }),
      fc.record({
        kind: fc.constant("next" as const),
        who,
        maxBytes: fc.constantFrom(1_024, 16_384, BATCH_BYTES),
        times: fc.integer({ min: 1, max: 20 }),
      }),
      fc.record({ kind: fc.constant("ack" as const), who, part: fc.double({ min: 0, max: 1, noNaN: true }) }),
      fc.record({
        kind: fc.constant("seek" as const),
        who,
        part: fc.double({ min: 0, max: 1, noNaN: true }),
        into: fc.constantFrom(0, 1, 700, 20_000),
      }),
    )
    let parts = 0
    fc.assert(
      fc.property(fc.array(move, { maxLength: 40 }), (moves) => {
        const log = new Log()
        const seats = Array.from({ length: 3 }, () => ({
          outbox: new SharedOutbox(new LastJoined()),
          said: [] as string[],
          cursor: 0,
          part: 0,
        }))
        let count = 0
        const packetOf = (size: number): string => `m${++count}`.padEnd(size, ".")
        /** The first 8 characters and the length: the whole packet would be too long to read in a failure message. */
        const markOf = (packet: Packet): string => `${packet.slice(0, 8)} ${packet.length}`
        for (const move of moves) {
          if (move.kind === "all") {
            for (let n = 0; n < move.times; n++) {
              const packet = packetOf(move.size)
              const list = log.append(packet)
              for (const { outbox, said } of seats) {
                said.push(packet)
                outbox.push(packet, list)
              }
            }
            continue
          }
          const seat = seats[move.who] as (typeof seats)[number]
          const { outbox, said } = seat
          const between = (part: number): number => outbox.acked + Math.round(part * (outbox.said - outbox.acked))
          if (move.kind === "one") {
            for (let n = 0; n < move.times; n++) {
              const packet = packetOf(move.size)
              said.push(packet)
              outbox.push(packet)
            }
          } else if (move.kind === "ack") {
            outbox.ack(between(move.part))
            if (outbox.acked > seat.cursor) seat.part = 0
            seat.cursor = Math.max(seat.cursor, outbox.acked)
          } else if (move.kind === "seek") {
            seat.cursor = between(move.part)
            outbox.seek(seat.cursor, move.into)
            seat.part = move.into < (said[seat.cursor]?.length ?? 0) ? move.into : 0
          } else {
            for (let n = 0; n < move.times && outbox.cursor < outbox.said; n++) {
              const batch = outbox.next(move.maxBytes)
              const whole = said[seat.cursor] ?? ""
              if (seat.part > 0 || whole.length > move.maxBytes) {
                const end = Math.min(whole.length, seat.part + move.maxBytes)
                const isLast = end === whole.length
                expect(batch === (isLast ? "e" : "f") + whole.slice(seat.part, end)).toBe(true)
                seat.part = isLast ? 0 : end
                seat.cursor += Number(isLast)
                parts++
              } else {
                const packets = decodeBatch(batch)
                expect(batch.length).toBeLessThanOrEqual(move.maxBytes)
                expect(packets.map(markOf)).toEqual(said.slice(seat.cursor, seat.cursor + packets.length).map(markOf))
                seat.cursor += packets.length
              }
            }
          }
          const left = said.slice(outbox.acked)
          expect([outbox.said, outbox.cursor, outbox.part]).toEqual([said.length, seat.cursor, seat.part])
          expect([...outbox.unacknowledged()].map(markOf)).toEqual(left.map(markOf))
          expect(outbox.bytes).toBe(left.reduce((sum, { length }) => sum + length + PACKET_OVERHEAD_BYTES, 0))
        }
      }),
      { numRuns: 300 },
    )
    expect(parts).toBeGreaterThan(100)
  }, 120_000) // It takes a few seconds of processor time, and on a busy machine many times as long.
})

describe("the outbox of a channel", () => {
  it("behaves like the outbox of a hub under any mix of push, give, acknowledge and seek", () => {
    const size = fc.nat({ max: 400 })
    const step = fc.oneof(
      fc.record({ do: fc.constant("push" as const), size }),
      fc.record({ do: fc.constant("next" as const), size }),
      fc.record({ do: fc.constant("ack" as const), size }),
      fc.record({ do: fc.constant("seek" as const), size }),
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const outboxes: readonly Outbox[] = [new ListOutbox(), new SharedOutbox(new LastJoined())]
        for (const { do: what, size } of steps) {
          const [one, other] = outboxes.map((outbox) => {
            const { said, acked, cursor } = outbox
            if (what === "push") outbox.push(`m${"x".repeat(size)}${said}`)
            if (what === "next") return cursor < said ? decodeBatch(outbox.next(20 + size)) : []
            if (what === "ack") outbox.ack(acked + (size % (said - acked + 1)))
            if (what === "seek") outbox.seek(acked + (size % (said - acked + 1)), size)
            return [...outbox.unacknowledged()]
          })
          expect(one).toEqual(other)
          const [list, shared] = outboxes.map(({ said, acked, cursor, part, bytes }) => [
            said,
            acked,
            cursor,
            part,
            bytes,
          ])
          expect(list).toEqual(shared)
        }
      }),
    )
  })
})
