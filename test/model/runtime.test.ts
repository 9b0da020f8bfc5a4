import { createVirtualRuntime } from "everwire/testing"
import { describe, expect, it } from "vitest"

describe("the virtual runtime", () => {
  it("runs timers at their moments, in order, and timers of one moment in the order in which they were set", () => {
    const runtime = createVirtualRuntime({ now: 0 })
    const ran: unknown[] = []
    for (const ms of [30, 10, 20, 10]) runtime.after(ms, () => ran.push([ms, runtime.now()]))
    runtime.advance(20)
    expect(ran).toEqual([
      [10, 10],
      [10, 10],
      [20, 20],
    ])
    expect([runtime.now(), runtime.pending()]).toEqual([20, 1])
  })

  it("keeps the order over thousands of timers, without the cancelled ones", () => {
    const runtime = createVirtualRuntime({ seed: 3 })
    const ran: number[] = []
    const cancels = Array.from({ length: 2_000 }, () => {
      const ms = Math.floor(runtime.random() * 500)
      return runtime.after(ms, () => ran.push(ms))
    })
    for (const [index, cancel] of cancels.entries()) if (index % 3 === 0) cancel()
    runtime.advance(500)
    expect(ran).toEqual([...ran].sort((one, other) => one - other))
    expect([ran.length, runtime.pending()]).toEqual([1_333, 0])
  })

  it("runs timers that other timers set, when these are due by then", () => {
    const runtime = createVirtualRuntime({ now: 0 })
    const ran: number[] = []
    const again = (): void => {
      ran.push(runtime.now())
      runtime.after(10, again)
    }
    again()
    runtime.advance(35)
    expect(ran).toEqual([0, 10, 20, 30])
  })

  it("runs callbacks of soon() before any timer", () => {
    const runtime = createVirtualRuntime()
    const ran: string[] = []
    runtime.after(0, () => {
      ran.push("timer")
      runtime.soon(() => ran.push("its tick"))
    })
    runtime.after(0, () => ran.push("second timer"))
    runtime.soon(() => ran.push("tick"))
    runtime.drain()
    expect(ran).toEqual(["tick"])
    runtime.advance(0)
    expect(ran).toEqual(["tick", "timer", "its tick", "second timer"])
  })

  it("stops as soon as a condition holds, or at the limit", () => {
    const runtime = createVirtualRuntime({ now: 0 })
    let ran = 0
    for (const ms of [10, 20, 30]) runtime.after(ms, () => ran++)
    expect([runtime.runUntil(() => ran === 2, 100), runtime.now()]).toEqual([true, 20])
    expect([runtime.runUntil(() => ran === 9, 100), runtime.now()]).toEqual([false, 120])
  })

  it("runs overdue timers after a jump at the new time, in the order in which they were due", () => {
    const runtime = createVirtualRuntime({ now: 0 })
    const ran: unknown[] = []
    for (const ms of [20, 10]) runtime.after(ms, () => ran.push([ms, runtime.now()]))
    runtime.jump(1_000)
    expect(ran).toEqual([])
    runtime.advance(0)
    expect(ran).toEqual([
      [10, 1_000],
      [20, 1_000],
    ])
  })

  it("holds due timers on a machine that sleeps, and runs them in order when it wakes", () => {
    const runtime = createVirtualRuntime({ now: 0 })
    const laptop = runtime.machine()
    const ran: unknown[] = []
    laptop.after(10, () => ran.push(["laptop", laptop.now()]))
    laptop.after(20, () => ran.push(["laptop again", laptop.now()]))
    runtime.after(10, () => ran.push(["world", runtime.now()]))
    laptop.sleep()
    runtime.advance(60)
    expect([ran, laptop.pending()]).toEqual([[["world", 10]], 2])
    laptop.wake()
    runtime.advance(0)
    expect(ran.slice(1)).toEqual([
      ["laptop", 60],
      ["laptop again", 60],
    ])
  })

  it("runs nothing on a machine that was halted, and counts none of its timers", () => {
    const runtime = createVirtualRuntime()
    const server = runtime.machine()
    const ran: string[] = []
    server.after(10, () => ran.push("timer"))
    server.soon(() => ran.push("tick"))
    server.halt()
    server.after(20, () => ran.push("late timer"))
    runtime.advance(100)
    expect([ran, runtime.pending()]).toEqual([[], 0])
  })

  it("gives the same random numbers for the same seed, others for another seed, and unique ids", () => {
    const draw = (seed: number): number[] => Array.from({ length: 5 }, createVirtualRuntime({ seed }).random)
    const runtime = createVirtualRuntime()
    expect(draw(7)).toEqual(draw(7))
    expect(draw(7)).not.toEqual(draw(8))
    expect(draw(7).every((chance) => chance >= 0 && chance < 1)).toBe(true)
    const ids = [runtime.id(), runtime.machine().id()]
    expect(new Set(ids).size).toBe(2)
    for (const id of ids) expect(id).toMatch(/^[\w-]{22,64}$/)
  })

  it("rethrows an error of a callback, and continues with the next callback", () => {
    const runtime = createVirtualRuntime()
    const ran: string[] = []
    runtime.soon(() => {
      throw new Error("boom")
    })
    runtime.soon(() => ran.push("tick"))
    runtime.after(5, () => ran.push("timer"))
    expect(() => runtime.advance(0)).toThrow("boom")
    runtime.advance(5)
    expect(ran).toEqual(["tick", "timer"])
  })

  it("has functions that work when they are taken off the object, as those of the system's runtime do", () => {
    const { now, after, soon, random, id, report } = createVirtualRuntime({ now: 5 })
    expect([now(), typeof random(), typeof id()]).toEqual([5, "number", "string"])
    after(0, () => {})()
    soon(() => {})
    report("trouble")
  })

  it("keeps the errors that were reported", () => {
    const runtime = createVirtualRuntime()
    runtime.report("trouble")
    expect([runtime.reported, runtime.machine().reported]).toEqual([["trouble"], []])
  })

  it("throws for an endless loop of timers instead of running it", () => {
    const runtime = createVirtualRuntime()
    const again = (): void => void runtime.after(0, again)
    again()
    expect(() => runtime.advance(1)).toThrow("without end")
  })

  it("does not let time be moved from inside a callback", () => {
    const runtime = createVirtualRuntime()
    runtime.soon(() => runtime.advance(1))
    expect(() => runtime.advance(0)).toThrow("inside a callback")
  })

  it("refuses a delay that is not a number", () => {
    expect(() => createVirtualRuntime().after(Number.NaN, () => {})).toThrow(TypeError)
  })

  it("lets promises continue before time moves on, in pass()", async () => {
    const runtime = createVirtualRuntime({ now: 0 })
    const seen: number[] = []
    const sleep = (ms: number): Promise<void> => new Promise((resolve) => void runtime.after(ms, resolve))
    const walk = async (): Promise<void> => {
      for (let i = 0; i < 3; i++) {
        await sleep(10)
        await Promise.all([Promise.resolve(), (async () => {})()])
        seen.push(runtime.now())
      }
    }
    void walk()
    await runtime.pass(100)
    expect([seen, runtime.now()]).toEqual([[10, 20, 30], 100])
    void walk()
    expect(await runtime.passUntil(() => seen.length === 4, 1_000)).toBe(true)
    expect(runtime.now()).toBe(110)
    expect(await runtime.passUntil(() => seen.length === 99, 1_000)).toBe(false)
  })

  it("is moved by one caller at a time", async () => {
    const runtime = createVirtualRuntime()
    const passing = runtime.pass(10)
    expect(() => runtime.advance(1)).toThrow("time cannot be moved")
    await passing
    runtime.advance(1)
  })
})
