// How a hub drains: what it waits for, for how long, and what it tells its peers.

import { createChannel, type EverwireError } from "everwire"
import { createHub, type Hub } from "everwire/server"
import { createDuo, createNetwork, createVirtualRuntime, type Duo, type VirtualRuntime } from "everwire/testing"
import { describe, expect, it } from "vitest"
import { writeHello } from "../../src/wire/handshake.ts"

const LATENCY_MS = 10
const ROUND_TRIP_MS = 2 * LATENCY_MS

const start = (): Promise<Duo> => createDuo({ transports: ["websocket"], latencyMs: LATENCY_MS })

/** Returns the virtual time in ms in which the hub closes; fails when that is longer than `limitMs`. */
async function timeOf(runtime: VirtualRuntime, hub: Hub, drainMs: number, limitMs = drainMs): Promise<number> {
  const startedAt = runtime.now()
  const closed = outcome(hub.close({ drainMs }))
  expect(await runtime.passUntil(() => closed.isSettled, limitMs + 1)).toBe(true)
  return runtime.now() - startedAt
}

interface Outcome {
  isSettled: boolean
  value?: unknown
  code?: string
}

function outcome(promise: Promise<unknown>): Outcome {
  const seen: Outcome = { isSettled: false }
  promise.then(
    (value) => Object.assign(seen, { isSettled: true, value }),
    ({ code }: EverwireError) => Object.assign(seen, { isSettled: true, code }),
  )
  return seen
}

function later<T>(runtime: VirtualRuntime, ms: number, value: T): Promise<T> {
  return new Promise((resolve) => runtime.after(ms, () => resolve(value)))
}

describe("a hub that drains", () => {
  it("closes at once when nothing is open, as it does without a drain time", async () => {
    for (const drainMs of [10_000, 0]) {
      const { runtime, hub } = await start()
      expect(await timeOf(runtime, hub, drainMs)).toBe(0)
    }
  })

  it("waits for an open request of a channel, and no longer", async () => {
    const { runtime, hub, channel } = await start()
    hub.handle("ask", () => later(runtime, 300, "answer"))
    const asked = outcome(channel.request("ask"))
    await runtime.pass(LATENCY_MS)
    expect(await timeOf(runtime, hub, 10_000)).toBe(300 + ROUND_TRIP_MS)
    expect(asked).toEqual({ isSettled: true, value: "answer" })
  })

  it("waits for an open request of its own, and no longer", async () => {
    const { runtime, hub, channel, peer } = await start()
    channel.handle("ask", () => later(runtime, 300, "answer"))
    const asked = outcome(peer.request("ask"))
    expect(await timeOf(runtime, hub, 10_000)).toBe(300 + ROUND_TRIP_MS)
    expect(asked).toEqual({ isSettled: true, value: "answer" })
  })

  it("waits for a request that is given up, until the hub hears of that", async () => {
    const { runtime, hub, channel, peer } = await start()
    channel.handle("ask", () => new Promise(() => {}))
    const asked = outcome(peer.request("ask", 1, { timeoutMs: 200 }))
    expect(await timeOf(runtime, hub, 10_000)).toBe(200 + ROUND_TRIP_MS)
    expect(asked.code).toBe("request-timeout")
  })

  it("is not delayed by messages, and tells with its bye what it heard: the next hub gets the rest, in order", async () => {
    const duo = await start()
    const { runtime, hub, channel, peer } = duo
    const heard: unknown[] = []
    const uncertain: unknown[] = []
    let said = 0
    hub.on("up", (data) => heard.push(data))
    hub.handle("ask", () => later(runtime, 7, "answer"))
    channel.on("down", () => {})
    channel.onReset(({ messages }) => uncertain.push(...messages.map(({ data }) => data)))
    const talk = (): void => {
      channel.send("up", said++)
      channel.request("ask").catch(() => {})
      peer.send("down")
      if (said < 400) runtime.after(3, talk)
    }
    talk()
    await runtime.pass(500)
    expect(await timeOf(runtime, hub, 10_000)).toBeLessThanOrEqual(7 + 2 * ROUND_TRIP_MS)
    const { length } = heard
    expect(length).toBeGreaterThan(100)
    duo.startHub().on("up", (data) => heard.push(data))
    await runtime.pass(10_000)
    expect(heard.length).toBeGreaterThan(length)
    expect(heard).toEqual(Array.from({ length: said }, (_, i) => i))
    expect(uncertain).toEqual([])
  })

  it("refuses new requests of channels with a code, except those that an open request needs", async () => {
    const { runtime, hub, channel, peer } = await start()
    const begun: unknown[] = []
    hub.handle("slow", async (data, asking) => {
      begun.push(data)
      await later(runtime, 200, undefined)
      return await asking.request("name")
    })
    channel.handle("name", () => "a name")
    const open = outcome(channel.request("slow", 1))
    await runtime.pass(LATENCY_MS)
    const closed = outcome(hub.close({ drainMs: 10_000 }))
    const late = outcome(channel.request("slow", 2))
    await runtime.pass(ROUND_TRIP_MS)
    expect(late).toMatchObject({ isSettled: true, code: "hub-closing" })
    await runtime.pass(1_000)
    expect(begun).toEqual([1])
    expect(open).toEqual({ isSettled: true, value: "a name" })
    expect(closed.isSettled).toBe(true)
    await expect(peer.request("name")).rejects.toMatchObject({ code: "closed" })
  })

  it("sends no new requests, unless an open request of the channel needs one", async () => {
    const { runtime, hub, channel, peer } = await start()
    channel.handle("slow", () => later(runtime, 200, "answer"))
    const open = outcome(peer.request("slow"))
    await runtime.pass(LATENCY_MS)
    void hub.close({ drainMs: 10_000 })
    await expect(peer.request("slow")).rejects.toMatchObject({ code: "hub-closing", retryable: true })
    await runtime.pass(1_000)
    expect(open).toEqual({ isSettled: true, value: "answer" })
  })

  it("answers the requests that its own open request makes the channel send", async () => {
    const { runtime, hub, channel, peer } = await start()
    hub.handle("name", () => "a name")
    channel.handle("ask", () => later(runtime, 100, undefined).then(() => channel.request("name")))
    const open = outcome(peer.request("ask"))
    expect(await timeOf(runtime, hub, 10_000)).toBeLessThan(200)
    expect(open.value).toBe("a name")
  })

  it("admits a channel again whose link broke meanwhile, and admits no new channel", async () => {
    const { runtime, hub, channel, network } = await start()
    hub.handle("ask", () => later(runtime, 1_000, "answer"))
    const asked = outcome(channel.request("ask"))
    await runtime.pass(LATENCY_MS)
    const closed = outcome(hub.close({ drainMs: 10_000 }))
    network.cut()
    const other = createChannel("http://hub", {
      runtime: runtime.machine(),
      store: null,
      transports: [network.dialer("websocket")],
    })
    await runtime.pass(900)
    expect(hub.peers.size).toBe(1)
    expect(other.status).toBe("connecting")
    await runtime.pass(1_000)
    expect(asked).toEqual({ isSettled: true, value: "answer" })
    expect(closed.isSettled).toBe(true)
  })

  it("waits at most 5 s for a channel that has just lost its link, and not for one that was away before", async () => {
    for (const [awayMs, tookMs] of [
      [1_000, 4_000],
      [20_000, 0],
    ] as const) {
      const { runtime, hub, channel, peer, network } = await start()
      hub.on("up", () => {})
      channel.send("up")
      await runtime.pass(2_000)
      const heardAt = runtime.now()
      await expect(outcomeAfter(runtime, peer.flush())).resolves.toMatchObject({ isSettled: true })
      network.block("websocket")
      network.cut()
      const idleMs = runtime.now() - heardAt
      await runtime.pass(awayMs)
      expect(Math.abs((await timeOf(runtime, hub, 30_000)) - tookMs)).toBeLessThanOrEqual(idleMs + 2_000)
    }
  })

  it("closes when its drain time is over, although a peer acknowledges nothing", async () => {
    const { runtime, hub, peer, network } = await start()
    const told: unknown[] = []
    peer.onClose(({ undelivered }) => told.push(undelivered))
    network.freeze()
    peer.send("down")
    expect(await timeOf(runtime, hub, 3_000)).toBe(3_000)
    expect(told).toEqual([1])
  })

  it("does not wait for a channel that closes meanwhile", async () => {
    const { runtime, hub, channel } = await start()
    hub.handle("ask", () => new Promise(() => {}))
    channel.request("ask").catch(() => {})
    await runtime.pass(LATENCY_MS)
    runtime.after(100, () => void channel.close({ flushMs: 0 }))
    expect(await timeOf(runtime, hub, 10_000)).toBe(100 + LATENCY_MS)
  })

  it("fails every request that is open when the time is over, with a code", async () => {
    const duo = await start()
    const { runtime, hub, channel, peer } = duo
    const aborted: unknown[] = []
    hub.handle("ask", (_, __, { signal }) => {
      signal.addEventListener("abort", () => aborted.push(signal.aborted))
      return later(runtime, 2_000, "too late")
    })
    channel.handle("ask", () => later(runtime, 2_000, "too late"))
    const [up, down] = [outcome(channel.request("ask")), outcome(peer.request("ask"))]
    await runtime.pass(LATENCY_MS)
    expect(await timeOf(runtime, hub, 500)).toBe(500)
    await runtime.pass(0)
    expect(aborted).toEqual([true])
    expect(down.code).toBe("hub-closing")
    duo.startHub()
    await runtime.pass(10_000)
    expect(up.code).toBe("session-reset")
    expect(duo.errors).toEqual([])
  })

  it("takes the shorter time when close() is called again", async () => {
    for (const [again, tookMs] of [
      [0, 100],
      [200, 300],
      [60_000, 10_000],
    ] as const) {
      const { runtime, hub, channel } = await start()
      hub.handle("ask", () => new Promise(() => {}))
      channel.request("ask", 1, { timeoutMs: Infinity }).catch(() => {})
      await runtime.pass(LATENCY_MS)
      const second: Outcome[] = []
      runtime.after(100, () => void second.push(outcome(hub.close({ drainMs: again }))))
      expect(await timeOf(runtime, hub, 10_000)).toBe(tookMs)
      await runtime.pass(0)
      expect(second).toMatchObject([{ isSettled: true }])
    }
  })

  it.each([NaN, Infinity, -1, "5", null])("refuses %s as a drain time, and keeps running", async (drainMs) => {
    const { runtime, hub, channel } = await start()
    await expect(hub.close({ drainMs: drainMs as number })).rejects.toMatchObject({ code: "misuse" })
    await runtime.pass(1_000)
    expect(channel.status).toBe("open")
    expect(hub.peers.size).toBe(1)
  })

  it("ends its peers one after the other, all in the first half of the time", async () => {
    for (const [drainMs, longestMs] of [
      [10_000, 99],
      [60, 30],
    ] as const) {
      const runtime = createVirtualRuntime()
      const network = createNetwork({ runtime })
      const hub = createHub({ runtime, transports: [network.acceptor("websocket")] })
      const at: number[] = []
      hub.onPeer((peer) => peer.onClose(() => at.push(runtime.now())))
      for (let i = 0; i < 100; i++)
        createChannel("http://hub", { runtime, store: null, transports: [network.dialer("websocket")] })
      await runtime.pass(1_000)
      expect(hub.peers.size).toBe(100)
      const tookMs = await timeOf(runtime, hub, drainMs)
      expect(tookMs).toBeGreaterThanOrEqual(longestMs - 1)
      expect(tookMs).toBeLessThanOrEqual(longestMs)
      const together = at.map((moment) => at.filter((other) => other === moment).length)
      expect(Math.max(...together)).toBeLessThanOrEqual(Math.ceil(100 / longestMs))
    }
  })
})

describe("over short-poll, where the hub can reach a channel only in the answer to its poll", () => {
  it("the bye waits for the next poll, and its answer acknowledges all that was heard", async () => {
    const runtime = createVirtualRuntime()
    const hub = createHub({ runtime })
    hub.on("up", () => {})
    const post = async (envelope: object, batch = ""): Promise<string> => {
      const request = new Request("http://hub/everwire/short-poll", {
        method: "POST",
        body: `@${JSON.stringify(envelope)}${batch && `\n${batch}`}`,
      })
      const seen = outcome(hub.fetch(request).then((answer) => answer.text()))
      // The stream of a Request's body is read in macrotasks, which virtual time does not run.
      for (let turn = 0; turn < 5; turn++) {
        await new Promise((resolve) => setImmediate(resolve))
        await runtime.pass(0)
      }
      return String(seen.value)
    }
    const identity = { id: "a".repeat(24), key: "k".repeat(24), holder: "h".repeat(24) }
    const hello = writeHello({ v: 1, heard: 0, acked: 0, turn: 1, ...identity })
    const { link } = JSON.parse((await post({ up: 1, poll: 1 }, hello)).slice(1).split("\n")[0] ?? "") as {
      link: string
    }
    await post({ link, up: 2 }, "n1\nmup\t1\nmup\t2")
    const closed = outcome(hub.close({ drainMs: 10_000 }))
    await runtime.pass(2_000)
    expect(closed.isSettled).toBe(false)
    const last = await post({ link, poll: 2 })
    expect(last).toMatch(/"close":\{"code":"hub-closing"/)
    expect(last).toMatch(/\na2\nb\{"code":"hub-closing"/)
    await runtime.pass(0)
    expect(closed.isSettled).toBe(true)
  })
})

async function outcomeAfter(runtime: VirtualRuntime, promise: Promise<unknown>): Promise<Outcome> {
  const seen = outcome(promise)
  await runtime.passUntil(() => seen.isSettled, 10_000)
  return seen
}
