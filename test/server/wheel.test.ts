import { createVirtualRuntime, type VirtualRuntime } from "everwire/testing"
import { describe, expect, it } from "vitest"
import { Wheel } from "../../src/server/sessions/wheel.ts"
import type { Alarm } from "../../src/session/clockwork.ts"

interface Desk {
  readonly runtime: VirtualRuntime
  readonly clockwork: Wheel
  /** The names of the alarms that rang, with their times. */
  readonly rung: [name: string, at: number][]
  alarm(name: string, then?: () => void): Alarm
}

function desk(slack = 0): Desk {
  const runtime = createVirtualRuntime({ now: 0 })
  const rung: [string, number][] = []
  return {
    runtime,
    clockwork: new Wheel(runtime, slack),
    rung,
    alarm: (name, then = () => {}) => ({
      slot: undefined,
      ring() {
        rung.push([name, runtime.now()])
        then()
      },
    }),
  }
}

describe("a process that was blocked", () => {
  it("hears what arrived meanwhile before its alarms ring", () => {
    const { runtime, clockwork, rung, alarm } = desk()
    clockwork.set(alarm("hang up"), 30_000)
    runtime.jump(40_000)
    runtime.advance(0)
    expect(rung).toEqual([])
    runtime.advance(250)
    expect(rung).toEqual([["hang up", 40_250]])
  })

  it("rings an alarm that is a little late at once", () => {
    const { runtime, clockwork, rung, alarm } = desk()
    clockwork.set(alarm("soon"), 100)
    runtime.jump(1_000)
    runtime.advance(0)
    expect(rung).toEqual([["soon", 1_000]])
  })

  it("waits for arrived packets only once, however late it is", () => {
    const { runtime, clockwork, rung, alarm } = desk()
    clockwork.set(alarm("expired"), 100)
    runtime.jump(60_000)
    runtime.advance(0)
    runtime.jump(60_000)
    runtime.advance(0)
    expect(rung).toEqual([["expired", 120_000]])
  })
})

describe("an alarm", () => {
  it("rings once, at its moment", () => {
    const { runtime, clockwork, rung, alarm } = desk()
    const one = alarm("one")
    clockwork.set(one, 250)
    expect(one.slot?.at).toBe(250)
    runtime.advance(1_000)
    expect([rung, one.slot, runtime.pending()]).toEqual([[["one", 250]], undefined, 0])
  })

  it("rings at the last moment that it was set for", () => {
    const { runtime, clockwork, rung, alarm } = desk()
    const one = alarm("one")
    clockwork.set(one, 250)
    clockwork.set(one, 100)
    clockwork.set(one, 400)
    runtime.advance(1_000)
    expect(rung).toEqual([["one", 400]])
  })

  it("that is cleared never rings, and leaves no timer", () => {
    const { runtime, clockwork, rung, alarm } = desk()
    const [one, two] = [alarm("one"), alarm("two")]
    clockwork.set(one, 100)
    clockwork.set(two, 100)
    clockwork.clear(one)
    expect(runtime.pending()).toBe(1)
    clockwork.clear(two)
    expect(runtime.pending()).toBe(0)
    clockwork.clear(two)
    runtime.advance(1_000)
    expect(rung).toEqual([])
  })

  it("may set, clear and renew other alarms of the same moment while it rings", () => {
    const { runtime, clockwork, rung, alarm } = desk()
    const cleared = alarm("cleared")
    const renewed = alarm("renewed")
    const first = alarm("first", () => {
      clockwork.clear(cleared)
      clockwork.set(renewed, 300)
      clockwork.set(first, 400)
    })
    for (const one of [first, cleared, renewed]) clockwork.set(one, 100)
    runtime.advance(350)
    expect(rung).toEqual([
      ["first", 100],
      ["renewed", 300],
    ])
    expect(first.slot?.at).toBe(400)
  })

  it("that throws does not keep other alarms of its moment from ringing", () => {
    const { runtime, clockwork, rung, alarm } = desk()
    const error = new Error("a bug")
    clockwork.set(
      alarm("broken", () => {
        throw error
      }),
      100,
    )
    clockwork.set(alarm("sound"), 100)
    runtime.advance(100)
    expect([rung.map(([name]) => name), runtime.reported]).toEqual([["broken", "sound"], [error]])
  })

  it("is not lost when another alarm sets it, while ringing, for a due moment that has just been emptied", () => {
    const { runtime, clockwork, rung, alarm } = desk()
    const emptied = alarm("emptied")
    const renewed = alarm("renewed")
    const first = alarm("first", () => {
      clockwork.clear(emptied)
      clockwork.set(renewed, 110)
    })
    clockwork.set(first, 100)
    clockwork.set(emptied, 110)
    // A timer that fires late finds both alarms due.
    runtime.jump(1_000)
    runtime.advance(200)
    expect(rung.map(([name]) => name)).toEqual(["first", "renewed"])
    expect(runtime.pending()).toBe(0)
  })

  it("rings by one timer, whatever other moments exist, in the order of the moments", () => {
    const { runtime, clockwork, rung, alarm } = desk()
    for (const at of [300, 100, 200]) clockwork.set(alarm(`${at}`), at)
    expect(runtime.pending()).toBe(1)
    runtime.jump(1_000)
    runtime.advance(100)
    expect(rung.map(([name]) => name)).toEqual(["100", "200", "300"])
  })

  it("is late by no more than the distance between two moments when the clock is set back", () => {
    const { runtime, rung, alarm } = desk()
    let putBackMs = 0
    const clockwork = new Wheel(
      {
        now: () => runtime.now() - putBackMs,
        after: (delayMs, run) => runtime.after(delayMs, run),
        soon: (run) => runtime.soon(run),
        random: () => 0,
        id: () => runtime.id(),
        report: (error) => runtime.report(error),
      },
      0,
    )
    clockwork.set(alarm("one"), 100)
    clockwork.set(alarm("two"), 250)
    putBackMs = 3_600_000
    runtime.advance(100)
    expect(rung.map(([name]) => name)).toEqual(["one"])
    runtime.advance(150)
    expect(rung.map(([name]) => name)).toEqual(["one", "two"])
  })

  it("in the past rings at once", () => {
    const { runtime, clockwork, rung, alarm } = desk(1 / 16)
    runtime.advance(5_000)
    clockwork.set(alarm("late"), 1_000)
    runtime.advance(0)
    expect(rung).toEqual([["late", 5_000]])
  })
})

describe("alarms with slack", () => {
  it("ring together by one timer where their moments are near", () => {
    const { runtime, clockwork, rung, alarm } = desk(1 / 16)
    for (let n = 0; n < 100; n++) clockwork.set(alarm(`${n}`), 30_000 + n)
    expect(runtime.pending()).toBe(1)
    runtime.advance(40_000)
    expect(rung).toHaveLength(100)
    expect(new Set(rung.map(([, at]) => at)).size).toBe(1)
  })

  it("never ring early, and late by no more than the slack of their delay", () => {
    for (const delayMs of [1, 15, 16, 250, 999, 5_000, 20_000, 30_000, 120_000]) {
      for (const offset of [0, 1, 777]) {
        const { runtime, clockwork, rung, alarm } = desk(1 / 16)
        runtime.advance(offset)
        clockwork.set(alarm("one"), offset + delayMs)
        runtime.advance(2 * delayMs)
        const [[, at] = ["", 0]] = rung
        expect(at).toBeGreaterThanOrEqual(offset + delayMs)
        expect(at).toBeLessThanOrEqual(offset + delayMs * (1 + 1 / 16))
      }
    }
  })
})

describe("the end of a tick", () => {
  it("flushes everyone who asked, in order, by one callback", () => {
    const { clockwork, runtime } = desk()
    const flushed: string[] = []
    const flushable = (name: string, then = () => {}): { flushNow(): void } => ({
      flushNow() {
        flushed.push(name)
        then()
      },
    })
    const error = new Error("a bug")
    clockwork.flushSoon(
      flushable("one", () => {
        clockwork.flushSoon(flushable("asked meanwhile"))
        throw error
      }),
    )
    clockwork.flushSoon(flushable("two"))
    expect(flushed).toEqual([])
    runtime.drain()
    expect([flushed, runtime.reported]).toEqual([["one", "two", "asked meanwhile"], [error]])
    clockwork.flushSoon(flushable("in the next tick"))
    runtime.drain()
    expect(flushed.at(-1)).toBe("in the next tick")
  })
})
