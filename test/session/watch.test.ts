import { createVirtualRuntime } from "everwire/testing"
import { describe, expect, it } from "vitest"
import { CHANNEL_ACK } from "../../src/client/channel-session.ts"
import { HUB_ACK } from "../../src/server/settings.ts"
import { Clockwork } from "../../src/session/clockwork.ts"
import type { Due } from "../../src/session/pulse.ts"
import { Watch } from "../../src/session/watch.ts"

const FIGURES = { heartbeatMs: 20_000, heartbeatTimeoutMs: 30_000 }

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
          watch.spokeAt = runtime.now()
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
  it("makes the hub send a heartbeat in time, and end the link after its heartbeat timeout", () => {
    const { due, runtime } = start(HUB_ACK)
    runtime.advance(29_999)
    expect(due).toEqual(["speak"])
    runtime.advance(1)
    expect(due).toEqual(["speak", "hang-up"])
  })

  it("never ends a link on which packets arrive", () => {
    const { watch, due, runtime } = start(HUB_ACK)
    for (let seconds = 0; seconds < 300; seconds += 10) {
      runtime.advance(10_000)
      watch.heardAt = runtime.now()
    }
    expect(due).not.toContain("hang-up")
  })

  it("ends the link on the first tick after a sleep, judged by the clock", () => {
    const { due, runtime } = start(HUB_ACK)
    runtime.jump(3_600_000)
    runtime.advance(1)
    expect(due).toContain("hang-up")
  })

  it("sends a second probe before it doubts a link when its alarm rings late", () => {
    const { watch, due, runtime } = start(CHANNEL_ACK)
    watch.waits(runtime.now())
    runtime.advance(2_000)
    expect(due).toEqual(["probe"])
    runtime.jump(60_000)
    runtime.advance(0)
    expect(due.filter((what) => what !== "speak")).toEqual(["probe", "probe"])
    watch.answered(60_000, false) // The answer had arrived while the alarm was late.
    watch.heard(runtime.now())
    runtime.advance(15_000)
    expect(due).not.toContain("doubt")
  })

  it("doubts a dead link although every alarm rings a minute late", () => {
    const { watch, due, runtime } = start(CHANNEL_ACK)
    watch.waits(runtime.now())
    for (let minutes = 0; minutes < 3; minutes++) {
      runtime.jump(60_000)
      runtime.advance(0)
    }
    expect(due).toContain("doubt")
  })

  it("sets its alarm again from what it heard last, instead of a timer for each packet", () => {
    const { watch, runtime } = start(CHANNEL_ACK)
    for (let rings = 0; rings < 4; rings++) {
      runtime.advance(19_000)
      const before = watch.slot
      watch.heard(runtime.now())
      const after = watch.slot
      watch.heard(runtime.now())
      expect([after === before, watch.slot === after]).toEqual([rings === 0, true])
      watch.spokeAt = runtime.now()
      runtime.advance(1_001)
    }
  })

  it("sends an owed ack within its time", () => {
    const { watch, due, runtime } = start(HUB_ACK)
    watch.owes()
    runtime.advance(249)
    expect(due).toEqual([])
    runtime.advance(1)
    expect(due).toEqual(["speak"])
  })

  it("makes the channel probe a link after two seconds without an ack, and doubt it when no answer comes", () => {
    const { watch, due, runtime } = start(CHANNEL_ACK)
    watch.waits(runtime.now())
    runtime.advance(2_000)
    expect(due).toEqual(["probe"])
    runtime.advance(400)
    expect(due).toEqual(["probe", "doubt"])
  })

  it("doubles its probe timeout with each doubt, until an ack makes progress", () => {
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

  it("probes a link that replaces a doubted one soon, and once, although no packet waits for an ack", () => {
    const { watch, due, runtime } = start(CHANNEL_ACK)
    watch.probed(runtime.now(), 400)
    runtime.advance(400)
    expect(due).toEqual(["doubt"])
    watch.start(runtime.now(), false, false)
    runtime.advance(3_999)
    expect(due).toEqual(["doubt"])
    runtime.advance(1)
    expect(due).toEqual(["doubt", "probe"])
    watch.answered(0, false)
    runtime.advance(10_000)
    expect(due).toEqual(["doubt", "probe"])
  })

  it("measures the round trip by the answer to a probe: the new figure if longer, else the mean of old and new", () => {
    const { watch, runtime } = start(CHANNEL_ACK)
    watch.probed(runtime.now(), 10_000)
    runtime.advance(80)
    watch.answered(80, false)
    expect(watch.rttMs).toBe(80)
    watch.probed(runtime.now(), 10_000)
    runtime.advance(160)
    watch.answered(160, false)
    expect(watch.rttMs).toBe(120)
  })

  it("forgets delayed round trips once a round trip is quick again", () => {
    const { watch, runtime } = start(CHANNEL_ACK)
    for (const rttMs of [7_000, 80]) {
      watch.probed(runtime.now(), 10_000)
      runtime.advance(rttMs)
      watch.answered(rttMs, false)
    }
    expect(watch.rttMs).toBe(80)
  })

  it("takes an ack that makes progress as the answer to a probe in flight", () => {
    const { watch, due, runtime } = start(CHANNEL_ACK)
    watch.waits(runtime.now())
    runtime.advance(2_000)
    watch.progressed(true)
    runtime.advance(1_999)
    expect(due).toEqual(["probe"])
    runtime.advance(1)
    expect(due).toEqual(["probe", "probe"])
  })

  it("makes the channel probe when an expected packet does not come, counted from the last packet heard", () => {
    const { watch, due, runtime } = start(CHANNEL_ACK)
    watch.expect(true)
    runtime.advance(1_000)
    watch.heardAt = runtime.now()
    runtime.advance(1_999)
    expect(due).toEqual([])
    runtime.advance(1)
    expect(due).toEqual(["probe"])
  })

  it("does not probe when all expected packets have come", () => {
    const { watch, due, runtime } = start(CHANNEL_ACK)
    watch.expect(true)
    runtime.advance(1_000)
    watch.expect(false)
    runtime.advance(10_000)
    expect(due).toEqual([])
  })

  it("does not doubt a link while a queue may delay the answer: three times the other probe's queuing delay", () => {
    const { watch, due, runtime } = start(CHANNEL_ACK)
    watch.waits(runtime.now())
    runtime.advance(2_000)
    watch.lineUntil = runtime.now() + 1_000
    runtime.advance(2_999)
    expect(due).toEqual(["probe"])
    runtime.advance(1)
    expect(due).toEqual(["probe", "doubt"])
  })

  it("does not doubt a link while a batch arrives in pieces, and for two seconds after", () => {
    const { watch, due, runtime } = start(CHANNEL_ACK)
    watch.waits(runtime.now())
    runtime.advance(2_000)
    runtime.advance(300)
    watch.movedAt = runtime.now()
    runtime.advance(1_999)
    expect(due).toEqual(["probe"])
    runtime.advance(1)
    expect(due).toEqual(["probe", "doubt"])
  })

  it("begins each link with at most one doubling, however often earlier links were doubted", () => {
    const { watch, due, runtime } = start(CHANNEL_ACK)
    watch.waits(runtime.now())
    while (due.filter((what) => what === "doubt").length < 3) runtime.advance(100)
    expect(watch.probePatienceMs).toBe(3_200)
    watch.start(runtime.now(), true, false)
    expect(watch.probePatienceMs).toBe(800)
  })

  it("begins each link without the queuing delay of the link before", () => {
    const { watch, runtime } = start(CHANNEL_ACK)
    watch.lineUntil = runtime.now() + 2_000
    watch.start(runtime.now(), true, false)
    expect(watch.lineUntil).toBeLessThanOrEqual(runtime.now())
  })

  it("leaves no alarm behind when the link goes", () => {
    const { watch, runtime } = start(CHANNEL_ACK)
    watch.waits(runtime.now())
    watch.stop()
    expect(runtime.pending()).toBe(0)
  })
})
