import { describe, expect, it } from "vitest"
import { pumpItems, sourceOf } from "../../src/messaging/item-pump.ts"

/** A source of 0, 1, 2, ... that counts how often it was asked and ended. */
function source() {
  const seen = { asked: 0, ended: 0 }
  return {
    seen,
    next: () => Promise.resolve({ done: false, value: seen.asked++ }),
    return: () => {
      seen.ended++
      return Promise.resolve()
    },
  }
}

async function turns(count = 200): Promise<void> {
  for (let n = 0; n < count; n++) await Promise.resolve()
}

describe("a pump", () => {
  it("asks for an item only when there is room, and goes on when there is room again", async () => {
    const from = source()
    const sent: unknown[] = []
    let makeRoom = (): void => {}
    const room = (): Promise<void> =>
      new Promise((resolve) => {
        makeRoom = resolve
      })
    pumpItems(from, (item) => sent.push(item), room)
    await turns()
    expect([from.seen.asked, sent]).toEqual([0, []])
    makeRoom()
    await turns()
    expect([from.seen.asked, sent]).toEqual([1, [0]])
    makeRoom()
    await turns()
    expect(sent).toEqual([0, 1])
  })

  it("sends 16 items, and then as many as are granted", async () => {
    const from = source()
    const sent: unknown[] = []
    const pump = pumpItems(
      from,
      (item) => sent.push(item),
      () => Promise.resolve(),
    )
    await turns()
    expect(sent).toHaveLength(16)
    pump.grant(3)
    await turns()
    expect(sent).toHaveLength(19)
    pump.stop()
    await pump.done
    pump.grant(5)
    await turns()
    expect([sent.length, from.seen.ended]).toEqual([19, 1])
  })

  it("ends the source and rejects when sending throws, when there is never room again, and when ending fails too", async () => {
    for (const fault of ["send", "room"]) {
      const from = source()
      from.return = () => {
        from.seen.ended++
        return Promise.reject(new Error("cannot end"))
      }
      const fails = (): never => {
        throw new Error(fault)
      }
      const pump = pumpItems(from, fault === "send" ? fails : () => {}, async () => {
        await Promise.resolve()
        if (fault === "room") fails()
      })
      await expect(pump.done).rejects.toThrow(fault)
      expect(from.seen.ended).toBe(1)
    }
  })
})

describe("what gives items", () => {
  it("is an async iterable or a ReadableStream, and nothing else", () => {
    async function* generator(): AsyncGenerator<number> {
      yield await Promise.resolve(1)
    }
    expect(sourceOf(generator())).toBeDefined()
    expect(sourceOf(new ReadableStream())).toBeDefined()
    const reader = { read: () => Promise.resolve({ done: true }), cancel: () => Promise.resolve() }
    expect(sourceOf({ getReader: () => reader })).toBeDefined()
    for (const other of [undefined, null, 0, "text", [1], new Map(), {}, { next: () => {} }, new Uint8Array(2)]) {
      expect(sourceOf(other)).toBeUndefined()
    }
  })
})
