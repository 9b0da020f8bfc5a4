// Clocks that are set, and timers that fire late.

import { createChannel, type Runtime } from "everwire"
import { createHub } from "everwire/server"
import { createDuo, createNetwork, createVirtualRuntime } from "everwire/testing"
import { afterEach, describe, expect, it, vi } from "vitest"
import { TransportHealth } from "../../src/client/connect/transport-health.ts"
import { systemRuntime } from "../../src/runtimes/system-runtime.ts"
import { VERDICT_MS } from "../../src/wire/defaults.ts"

const HOUR_MS = 3_600_000
const LADDER = ["websocket", "sse", "long-poll", "short-poll"]

afterEach(() => {
  vi.restoreAllMocks()
  vi.unstubAllGlobals()
})

describe("the system's clock", () => {
  it.each([-5 * HOUR_MS, 5 * HOUR_MS])("does not move when the wall clock is set by %i ms", (byMs) => {
    const before = systemRuntime.now()
    const { now } = Date
    vi.spyOn(Date, "now").mockImplementation(() => now() + byMs)
    expect(Math.abs(systemRuntime.now() - before)).toBeLessThan(1_000)
  })

  it("shows the time of day, to people", () => {
    expect(Math.abs(systemRuntime.now() - Date.now())).toBeLessThan(60_000)
  })
})

describe("a verdict that was stored while the clock was wrong", () => {
  const store = (until: number) => ({
    getItem: () => JSON.stringify({ broken: { websocket: until } }),
    setItem: () => {},
  })
  const now = Date.UTC(2026, 0, 1)

  it("is not believed for hours", () => {
    expect(new TransportHealth(store(now + 5 * HOUR_MS), "http://hub").brokenUntil("websocket", now)).toBe(0)
  })

  it("is believed where its time is plausible", () => {
    const until = now + VERDICT_MS
    expect(new TransportHealth(store(until), "http://hub").brokenUntil("websocket", now)).toBe(until)
  })
})

/** A hidden tab, whose timers the browser fires only when a minute begins. */
function throttled(machine: Runtime): Runtime {
  return {
    now: machine.now,
    soon: machine.soon,
    random: machine.random,
    id: machine.id,
    report: machine.report,
    after: (delayMs, run) => {
      const at = machine.now() + delayMs
      return machine.after(Math.ceil(at / 60_000) * 60_000 - machine.now(), run)
    },
  }
}

describe("a tab whose timers fire once a minute", () => {
  it("falls back to a working transport within one such minute, not within one for each transport", () => {
    const runtime = createVirtualRuntime()
    const network = createNetwork({ runtime })
    const hub = createHub({ runtime, transports: LADDER.map((name) => network.acceptor(name)) })
    for (const name of LADDER.slice(0, 3)) network.blackHole(name)
    const channel = createChannel("http://hub", {
      runtime: throttled(runtime.machine()),
      store: null,
      transports: LADDER.map((name) => network.dialer(name)),
    })
    runtime.advance(61_000)
    expect([channel.status, channel.transport, hub.peers.size]).toEqual(["open", "short-poll", 1])
  })

  it("stays on a working link for hours, and sends nothing twice", () => {
    const runtime = createVirtualRuntime()
    const network = createNetwork({ runtime })
    const hub = createHub({ runtime, transports: LADDER.map((name) => network.acceptor(name)) })
    const heard: unknown[] = []
    const channel = createChannel("http://hub", {
      runtime: throttled(runtime.machine()),
      store: null,
      transports: LADDER.map((name) => network.dialer(name)),
    })
    channel.on("tick", (data) => heard.push(data))
    const statuses: string[] = []
    channel.onStatus((status) => statuses.push(status))
    runtime.advance(1_000)
    for (let tick = 0; tick < 200; tick++) {
      hub.send("tick", tick)
      runtime.advance(41_000)
    }
    expect(statuses).toEqual(["open"])
    expect(heard).toEqual(Array.from({ length: 200 }, (_, tick) => tick))
    expect(network.dials).toBe(1)
  })

  it("dials again at once when its tab is shown again, although its timers are late", () => {
    const runtime = createVirtualRuntime()
    const network = createNetwork({ runtime })
    createHub({ runtime, transports: LADDER.map((name) => network.acceptor(name)) })
    const channel = createChannel("http://hub", {
      runtime: throttled(runtime.machine()),
      store: null,
      transports: [network.dialer("websocket")],
    })
    network.blackHole("websocket")
    runtime.advance(30_000)
    network.unblock("websocket")
    network.cut()
    for (const wire of network.wires) wire.freeze()
    channel.retry()
    runtime.advance(100)
    expect(channel.status).toBe("open")
  })
})

describe("a machine that slept", () => {
  it("reprobes a better transport in time, although the machine slept while a worse one waited for its welcome", () => {
    const runtime = createVirtualRuntime()
    const network = createNetwork({ runtime })
    const names = ["websocket", "long-poll"]
    createHub({ runtime, transports: names.map((name) => network.acceptor(name)) })
    network.block("websocket")
    const channel = createChannel("http://hub", {
      runtime,
      store: null,
      transports: names.map((name) => network.dialer(name)),
    })
    runtime.advance(25)
    network.freeze()
    runtime.jump(60_000)
    runtime.advance(0)
    network.heal()
    runtime.advance(100)
    expect(channel.transport).toBe("long-poll")
    runtime.advance(3_500)
    expect(channel.transport).toBe("websocket")
  })

  it("takes a response that came during the sleep before it times the request out", async () => {
    const duo = await createDuo({ serve: (hub) => void hub.handle("double", (n) => 2 * Number(n)) })
    const answer = duo.channel.request("double", 21)
    await duo.runtime.pass(15)
    duo.network.freeze()
    duo.runtime.jump(60_000)
    await duo.runtime.pass(0)
    duo.network.heal()
    await duo.runtime.pass(100)
    expect(await answer).toBe(42)
  })

  it("times a request out a moment after the sleep when its response does not come", async () => {
    const duo = await createDuo({ serve: (hub) => void hub.handle("never", () => new Promise(() => {})) })
    let code = ""
    duo.channel.request("never").catch((error: { code: string }) => {
      code = error.code
    })
    duo.runtime.jump(60_000)
    await duo.runtime.pass(251)
    expect(code).toBe("request-timeout")
  })

  it("takes a welcome that came during the sleep before it gives the dial up", () => {
    const runtime = createVirtualRuntime()
    const network = createNetwork({ runtime })
    createHub({ runtime, transports: [network.acceptor("websocket")] })
    const channel = createChannel("http://hub", { runtime, store: null, transports: [network.dialer("websocket")] })
    runtime.advance(15)
    network.freeze()
    runtime.jump(60_000)
    runtime.advance(0)
    network.thaw()
    runtime.advance(100)
    expect(channel.status).toBe("open")
    expect(channel.explain().incidents.map(({ what }) => what)).not.toContain("closed")
  })
})
