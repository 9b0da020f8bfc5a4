// How long a request is waited for, as both ends know it.

import { createDuo, type Duo } from "everwire/testing"
import { describe, expect, it } from "vitest"

const ways = {
  "of the hub": ({ hub, channel }: Duo) => ({ answers: hub, asks: channel }),
  "of the channel": ({ channel, peer }: Duo) => ({ answers: channel, asks: peer }),
}

const codeOf = (asking: Promise<unknown>): Promise<unknown> =>
  asking.then(
    () => "answered",
    ({ code }: { code: string }) => code,
  )

describe.each(Object.entries(ways))("a request %s", (_, seatsOf) => {
  it("fires its handler's signal at its time-out by itself, when no cancel can arrive", async () => {
    const duo = await createDuo()
    const { answers, asks } = seatsOf(duo)
    const { runtime, network } = duo
    const fired: number[] = []
    let heardAt = 0
    answers.handle("slow", (_data: unknown, _seat: unknown, { signal }: { signal: AbortSignal }) => {
      heardAt = runtime.now()
      signal.addEventListener("abort", () => fired.push(runtime.now() - heardAt))
      return new Promise(() => {})
    })
    const code = codeOf(asks.request("slow", 1, { timeoutMs: 2_000.5 }))
    await runtime.pass(500)
    expect(heardAt).toBeGreaterThan(0)
    network.block()
    network.cut()
    await runtime.pass(1_600)
    expect([await code, fired]).toEqual(["request-timeout", [2_001]])
  })

  it("does not fire it when the handler has answered, nor before, nor where there is no time-out", async () => {
    const duo = await createDuo()
    const { answers, asks } = seatsOf(duo)
    const signals: AbortSignal[] = []
    answers.handle("later", (ms: unknown, _seat: unknown, { signal }: { signal: AbortSignal }) => {
      signals.push(signal)
      return new Promise((resolve) => duo.runtime.after(ms as number, () => resolve("late")))
    })
    const all = Promise.all([
      asks.request("later", 900, { timeoutMs: 1_000 }),
      asks.request("later", 60_000, { timeoutMs: Number.POSITIVE_INFINITY }),
    ])
    await duo.runtime.pass(61_000)
    expect(await all).toEqual(["late", "late"])
    expect(signals.map(({ aborted }) => aborted)).toEqual([false, false])
  })

  it.each(["its time-out", "its signal"])("that has not left is not begun after %s", async (how) => {
    const duo = await createDuo()
    const { answers, asks } = seatsOf(duo)
    const { runtime, network } = duo
    const begun: unknown[] = []
    answers.handle("do", (data: unknown) => void begun.push(data))
    network.block()
    network.cut()
    await runtime.pass(100)
    const abort = new AbortController()
    const code = codeOf(
      asks.request("do", "old", how === "its signal" ? { signal: abort.signal } : { timeoutMs: 1_000 }),
    )
    const other = codeOf(asks.request("do", "new", { timeoutMs: 60_000 }))
    await runtime.pass(1_500)
    abort.abort()
    network.heal()
    await runtime.pass(30_000)
    expect([await code, await other]).toEqual([
      how === "its signal" ? "request-aborted" : "request-timeout",
      "answered",
    ])
    expect(begun).toEqual(["new"])
  })

  it("that a link was handed a part of arrives whole, and is cancelled", async () => {
    const duo = await createDuo({ limits: { upBytesPerSecond: 10_000, downBytesPerSecond: 10_000 } })
    const { answers, asks } = seatsOf(duo)
    const heard: unknown[] = []
    answers.handle("large", (data: unknown, _seat: unknown, { signal }: { signal: AbortSignal }) => {
      heard.push((data as string).length)
      return new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason as Error)))
    })
    answers.handle("echo", (data: unknown) => data)
    const code = codeOf(asks.request("large", "x".repeat(20_000), { timeoutMs: 500 }))
    await duo.runtime.pass(600)
    const echo = asks.request("echo", "then", { timeoutMs: 30_000 })
    await duo.runtime.pass(10_000)
    expect([await code, await echo, heard]).toEqual(["request-timeout", "then", [20_000]])
  })
})

describe("a request that waits at the hub for its turn", () => {
  it("for longer than its asker waits is not begun", async () => {
    const { channel, hub, runtime } = await createDuo({ hub: { limits: { maxMessagesPerSecond: 10 } } })
    const begun: unknown[] = []
    hub.handle("do", (data) => void begun.push(data))
    for (let n = 0; n < 60; n++) channel.send("chatter", n)
    const asked = [300, 8_000].map((timeoutMs) => codeOf(channel.request("do", timeoutMs, { timeoutMs })))
    await runtime.pass(9_000)
    expect(await Promise.all(asked)).toEqual(["request-timeout", "answered"])
    expect(begun).toEqual([8_000])
  })
})
