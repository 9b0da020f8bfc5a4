import { createVirtualRuntime } from "everwire/testing"
import { describe, expect, it } from "vitest"
import { Clockwork } from "../../src/kernel/clockwork.ts"
import { CHANNEL_ACK, HUB_ACK } from "../../src/kernel/defaults.ts"
import type { Due } from "../../src/kernel/pulse.ts"
import { Watch } from "../../src/kernel/watch.ts"

const FIGURES = { speakMs: 20_000, patienceMs: 30_000 }

function start(seat: typeof HUB_ACK | typeof CHANNEL_ACK): {
  watch: Watch
  due: Due[]
  runtime: ReturnType<typeof createVirtualRuntime>
} {
  const runtime = createVirtualRuntime()
  const due: Due[] = []
  const watch = new Watch(
    new Clockwork(runtime),
    { ...seat, ...FIGURES },
    {
      due: (what) => {
        due.push(what)
        if (what === "speak") {
          watch.settled()
          watch.spoke(runtime.now())
        }
        if (what === "probe") watch.probed(runtime.now(), watch.probePatienceMs)
        if (what === "hang-up") watch.stop()
      },
    },
  )
  watch.start(runtime.now(), false, false)
  return { watch, due, runtime }
}

describe("a watch over a link", () => {
  it("has the hub speak in time and hang up after its patience", () => {
    const { due, runtime } = start(HUB_ACK)
    runtime.advance(29_999)
    expect(due).toEqual(["speak"])
    runtime.advance(1)
    expect(due).toEqual(["speak", "hang-up"])
  })

  it("never hangs up on a link that is heard", () => {
    const { watch, due, runtime } = start(HUB_ACK)
    for (let seconds = 0; seconds < 300; seconds += 10) {
      runtime.advance(10_000)
      watch.heard(runtime.now())
    }
    expect(due).not.toContain("hang-up")
  })

  it("concludes on the first tick after a sleep, by the clock", () => {
    const { due, runtime } = start(HUB_ACK)
    runtime.jump(3_600_000)
    runtime.advance(1)
    expect(due).toContain("hang-up")
  })

  it("has an owed ack sent within its time", () => {
    const { watch, due, runtime } = start(HUB_ACK)
    watch.owes()
    runtime.advance(249)
    expect(due).toEqual([])
    runtime.advance(1)
    expect(due).toEqual(["speak"])
  })

  it("has the channel probe what is unacknowledged for two seconds, and doubt what does not answer", () => {
    const { watch, due, runtime } = start(CHANNEL_ACK)
    watch.waits(runtime.now())
    runtime.advance(2_000)
    expect(due).toEqual(["probe"])
    runtime.advance(400)
    expect(due).toEqual(["probe", "doubt"])
  })

  it("doubles its patience with every doubt, until an ack makes progress", () => {
    const { watch, due, runtime } = start(CHANNEL_ACK)
    watch.waits(runtime.now())
    runtime.advance(2_400)
    runtime.advance(3_999)
    expect(due).toEqual(["probe", "doubt"])
    runtime.advance(1)
    expect(due).toEqual(["probe", "doubt", "probe"])
    expect(watch.probePatienceMs).toBe(800)
    watch.progressed(true)
    expect(watch.probePatienceMs).toBe(400)
  })

  it("asks a link that replaces a doubted one soon, and once, although nothing waits", () => {
    const { watch, due, runtime } = start(CHANNEL_ACK)
    watch.probed(runtime.now(), 400)
    runtime.advance(400)
    expect(due).toEqual(["doubt"])
    watch.start(runtime.now(), false, false)
    runtime.advance(3_999)
    expect(due).toEqual(["doubt"])
    runtime.advance(1)
    expect(due).toEqual(["doubt", "probe"])
    watch.answered(false)
    runtime.advance(10_000)
    expect(due).toEqual(["doubt", "probe"])
  })

  it("measures the round trip by the answer to a probe, smoothed", () => {
    const { watch, runtime } = start(CHANNEL_ACK)
    watch.probed(runtime.now(), 10_000)
    runtime.advance(80)
    watch.answered(false)
    expect(watch.rttMs).toBe(80)
    watch.probed(runtime.now(), 10_000)
    runtime.advance(160)
    watch.answered(false)
    expect(watch.rttMs).toBe(90)
  })

  it("leaves no alarm behind when the link goes", () => {
    const { watch, runtime } = start(CHANNEL_ACK)
    watch.waits(runtime.now())
    watch.stop()
    expect(runtime.pending()).toBe(0)
  })
})
