// Streams and delivery classes while a hub drains: what it waits for, and how each promise and loop ends.

import { createChannel, type EverwireError } from "everwire"
import { createHub, type Principal } from "everwire/server"
import { readable, writable } from "everwire/streams"
import { createDuo, createNetwork, createVirtualRuntime, type Duo, type VirtualRuntime } from "everwire/testing"
import { describe, expect, it } from "vitest"

const LATENCY_MS = 10
const ROUND_TRIP_MS = 2 * LATENCY_MS
const TRANSPORTS = ["websocket", "sse", "long-poll", "short-poll"]

const start = (transport = "websocket"): Promise<Duo> => createDuo({ transports: [transport], latencyMs: LATENCY_MS })

interface Outcome {
  isSettled: boolean
  code?: string | undefined
}

/** How a promise ended. */
function outcome(promise: Promise<unknown>): Outcome {
  const seen: Outcome = { isSettled: false }
  promise.then(
    () => Object.assign(seen, { isSettled: true }),
    ({ code }: EverwireError) => Object.assign(seen, { isSettled: true, code }),
  )
  return seen
}

interface Read extends Outcome {
  readonly items: unknown[]
}

/** Reads a loop to its end. */
function read(runtime: VirtualRuntime, loop: AsyncIterable<unknown>, eachMs = 0): Read {
  const items: unknown[] = []
  const seen: Read = Object.assign(
    outcome(
      (async () => {
        for await (const item of loop) {
          items.push(item)
          if (eachMs > 0) await wait(runtime, eachMs)
        }
      })(),
    ),
    { items },
  )
  return seen
}

function wait(runtime: VirtualRuntime, ms: number): Promise<void> {
  return new Promise((resolve) => runtime.after(ms, resolve))
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i)

/** Returns the virtual time in ms in which the hub closes. */
async function timeOf(duo: Duo, drainMs: number): Promise<number> {
  const startedAt = duo.runtime.now()
  const closed = outcome(duo.hub.close({ drainMs }))
  expect(await duo.runtime.passUntil(() => closed.isSettled, drainMs + 1)).toBe(true)
  return duo.runtime.now() - startedAt
}

describe("a stream that is open when a hub drains", () => {
  it.each(TRANSPORTS)(
    "over %s ends with its last item when the handler ends, in both directions",
    async (transport) => {
      const duo = await start(transport)
      const { runtime, hub, channel, peer } = duo
      const count = async function* (): AsyncGenerator<number> {
        for (let i = 0; i < 50; i++) {
          await wait(runtime, 20)
          yield i
        }
      }
      hub.handle("count", count)
      channel.handle("count", count)
      const up = read(runtime, channel.stream("count"))
      const down = read(runtime, peer.stream("count"))
      await runtime.pass(300)
      expect(await timeOf(duo, 60_000)).toBeLessThan(10_000)
      await runtime.pass(5_000)
      for (const seen of [up, down]) {
        expect(seen.items).toEqual(upTo(50))
        expect(seen).toMatchObject({ isSettled: true })
        expect(seen.code).toBeUndefined()
      }
    },
  )

  it("ends when a slow loop has given credit for the last item, and the loop gets all of them", async () => {
    const duo = await start()
    const { runtime, hub, channel } = duo
    hub.handle("count", async function* () {
      for (const i of upTo(40)) yield await Promise.resolve(i)
    })
    const slow = read(runtime, channel.stream("count"), 100)
    await runtime.pass(LATENCY_MS)
    const tookMs = await timeOf(duo, 60_000)
    // The handler is at most 16 items ahead of the loop, and is told of 8 taken items at once: after the 32nd it ends.
    expect(tookMs).toBeGreaterThan(3_000)
    expect(tookMs).toBeLessThan(3_100 + 4 * ROUND_TRIP_MS)
    await runtime.pass(5_000)
    expect(slow.items).toEqual(upTo(40))
    expect(slow).toMatchObject({ isSettled: true })
    expect(slow.code).toBeUndefined()
  })

  it.each(["is asked for items", "waits for credit", "waits for its signal"])(
    "is cut at the end of the drain time, when its handler %s: its signal fires and its finally runs before close resolves",
    async (what) => {
      const duo = await start()
      const { runtime, hub, channel } = duo
      const seen: string[] = []
      hub.handle("endless", async function* (_, __, { signal }) {
        signal.addEventListener("abort", () => seen.push("signal"))
        try {
          for (let i = 0; ; i++) {
            if (what === "is asked for items") await wait(runtime, 50)
            if (what === "waits for its signal" && i === 5)
              await new Promise((_, reject) =>
                signal.addEventListener("abort", () => reject(Object.assign(new Error(), { name: "AbortError" }))),
              )
            yield i
          }
        } finally {
          seen.push("finally")
        }
      })
      const loop = channel.stream("endless")
      const reading = what === "waits for credit" ? undefined : read(runtime, loop)
      await runtime.pass(1_000)
      await closedAfter(duo, 500)
      if (what === "is asked for items") await runtime.pass(50) // it was between two items
      expect(seen).toEqual(["signal", "finally"])
      const said = reading?.items.length
      await runtime.pass(100)
      expect(reading?.items.length).toBe(said)
      await runtime.pass(20_000)
      const ended = reading ?? read(runtime, loop) // it gets the items that came before, and then the code
      for (let turn = 0; turn < 20; turn++) await runtime.pass(1)
      expect(ended).toMatchObject({ isSettled: true, code: "session-reset" })
      expect(ended.items).toEqual(upTo(ended.items.length))
      expect(duo.errors).toEqual([])
    },
  )

  it("is cut when there is no drain time, with its finally before close resolves", async () => {
    const duo = await start()
    const { runtime, hub, channel } = duo
    const seen: string[] = []
    hub.handle("endless", async function* () {
      try {
        for (let i = 0; ; i++) yield await Promise.resolve(i)
      } finally {
        seen.push("finally")
      }
    })
    channel.stream("endless")
    await runtime.pass(1_000)
    await hub.close()
    expect(seen).toEqual(["finally"])
  })

  it("of the hub fails with hub-closing when the time is over", async () => {
    const duo = await start()
    const { runtime, channel, peer } = duo
    channel.handle("endless", async function* () {
      for (let i = 0; ; i++) {
        await wait(runtime, 50)
        yield i
      }
    })
    const reading = read(runtime, peer.stream("endless"))
    await runtime.pass(1_000)
    await closedAfter(duo, 500)
    expect(reading).toMatchObject({ isSettled: true, code: "hub-closing" })
    expect(reading.items).toEqual(upTo(reading.items.length))
    expect(duo.errors).toEqual([])
  })

  it("is refused with hub-closing after the last call, in both directions", async () => {
    const duo = await start()
    const { runtime, hub, channel, peer } = duo
    let begun = 0
    hub.handle("count", async function* () {
      begun++
      yield await Promise.resolve(1)
    })
    peer.send("owed") // so that the drain is not over at once
    const closed = outcome(hub.close({ drainMs: 10_000 }))
    const late = read(runtime, channel.stream("count"))
    expect(() => peer.stream("count")).toThrow(expect.objectContaining({ code: "hub-closing", retryable: true }))
    await runtime.pass(ROUND_TRIP_MS)
    expect(late).toMatchObject({ isSettled: true, code: "hub-closing" })
    expect(begun).toBe(0)
    await runtime.pass(ROUND_TRIP_MS)
    expect(closed.isSettled).toBe(true)
  })

  it("that its channel leaves is not waited for", async () => {
    const duo = await start()
    const { runtime, hub, channel } = duo
    hub.handle("endless", async function* () {
      for (let i = 0; ; i++) yield await Promise.resolve(i)
    })
    const going = new AbortController()
    read(runtime, channel.stream("endless", 1, { signal: going.signal }))
    await runtime.pass(100)
    runtime.after(200, () => going.abort())
    expect(await timeOf(duo, 10_000)).toBeLessThanOrEqual(200 + 2 * ROUND_TRIP_MS)
  })
})

async function closedAfter(duo: Duo, drainMs: number): Promise<void> {
  expect(await timeOf(duo, drainMs)).toBe(drainMs)
  duo.startHub()
}

describe("messages that may be dropped, when a hub drains", () => {
  it("do not hold it up on a link that takes nothing, and reliable ones behind them do", async () => {
    for (const [behind, tookMs] of [
      [false, 0],
      [true, 3_000],
    ] as const) {
      const duo = await start()
      const { runtime, hub, peer, network } = duo
      network.freeze()
      for (let i = 0; i < 40; i++) peer.send("fill", "x".repeat(1_000), { latest: `${i}` })
      await runtime.pass(100)
      if (behind) peer.send("reliable")
      expect(await timeOf(duo, 3_000)).toBe(tookMs)
      expect(hub.stats().dropped.full).toBe(0)
    }
  })

  it("that wait at the last call still go, if the link takes them", async () => {
    for (const transport of TRANSPORTS) {
      const duo = await start(transport)
      const { runtime, hub, channel, peer } = duo
      const heard: unknown[] = []
      channel.on("price", (price) => heard.push(price))
      for (let i = 0; i < 10; i++) peer.send("price", i, { latest: `${i % 5}` })
      const closed = outcome(hub.close({ drainMs: 10_000 }))
      await runtime.passUntil(() => closed.isSettled, 10_000)
      await runtime.pass(100)
      expect([transport, heard]).toEqual([transport, [5, 6, 7, 8, 9]])
      expect(hub.stats().dropped.latest).toBe(5)
    }
  })
})

describe("what waits for an ack or for room when the drain time is over", () => {
  it("fails at the hub with hub-closing, and loops over messages end", async () => {
    const duo = await start()
    const { runtime, peer, network } = duo
    const messages = read(runtime, peer.messages("up"))
    const stream = read(runtime, readable(peer, "up"))
    const writer = writable(peer, "down").getWriter()
    network.freeze()
    const [written, ended] = [outcome(writer.write("x".repeat(100_000))), outcome(writer.close())]
    await runtime.pass(10)
    const [room, flushed] = [outcome(peer.writable()), outcome(peer.flush())]
    await closedAfter(duo, 1_000)
    for (const seen of [written, ended, room, flushed])
      expect(seen).toMatchObject({ isSettled: true, code: "hub-closing" })
    for (const seen of [messages, stream]) {
      expect(seen).toMatchObject({ isSettled: true })
      expect(seen.code).toBeUndefined()
    }
  })
})

describe("what a channel sees of a hub that goes", () => {
  it.each(["websocket", "sse", "long-poll"])(
    "over %s its open requests and streams fail at the bye, before any other hub answers",
    async (transport) => {
      const duo = await start(transport)
      const { runtime, hub, channel } = duo
      hub.handle("never", () => new Promise(() => {}))
      hub.handle("endless", async function* () {
        yield 1
        await new Promise(() => {})
      })
      const asked = outcome(channel.request("never", 1, { timeoutMs: Infinity }))
      const reading = read(runtime, channel.stream("endless"))
      await runtime.pass(1_000)
      expect(await timeOf(duo, 500)).toBe(500)
      await runtime.pass(ROUND_TRIP_MS)
      expect(asked).toMatchObject({ isSettled: true, code: "session-reset" })
      expect(reading).toMatchObject({ isSettled: true, code: "session-reset", items: [1] })
    },
  )

  it("is open again after one dial, without a wait, if the next process is there", async () => {
    const duo = await start()
    const { runtime, channel } = duo
    const seen: unknown[] = []
    channel.onStatus((status, { retryInMs }) => seen.push([status, retryInMs, runtime.now()]))
    const goneAt = runtime.now() + LATENCY_MS
    void duo.hub.close()
    duo.startHub()
    await runtime.pass(1_000)
    // The handshake of the WebSocket, with which the hello goes, takes one round trip.
    expect(seen).toEqual([
      ["reconnecting", 0, goneAt],
      ["open", undefined, goneAt + ROUND_TRIP_MS],
    ])
  })

  it("dials in its turn, if many sessions end at the end of the drain time", async () => {
    const runtime = createVirtualRuntime()
    const network = createNetwork({ runtime })
    const hub = createHub({ runtime, transports: [network.acceptor("websocket")] })
    hub.handle("never", () => new Promise(() => {}))
    const waits: (number | undefined)[] = []
    for (let i = 0; i < 1_500; i++) {
      const channel = createChannel("http://hub", { runtime, store: null, transports: [network.dialer("websocket")] })
      channel.request("never").catch(() => {})
      channel.onStatus((status, { closing, retryInMs }) => {
        if (status === "reconnecting" && closing?.code === "hub-closing") waits.push(retryInMs)
      })
    }
    await runtime.pass(1_000)
    expect(hub.peers.size).toBe(1_500)
    void hub.close({ drainMs: 2_000 })
    await runtime.pass(2_500)
    expect(waits.slice(0, 1_001)).toEqual(upTo(1_001))
    // The others by chance, in the same second.
    const others = waits.slice(1_001) as number[]
    expect(others.length).toBe(499)
    expect(Math.max(...others)).toBeLessThanOrEqual(1_000)
    expect(new Set(others).size).toBeGreaterThan(250)
  })

  it("its writable() waits for room in the next session", async () => {
    const duo = await start()
    const { runtime, channel, network } = duo
    network.block("websocket")
    network.cut()
    channel.send("up", "x".repeat(200_000))
    const room = outcome(channel.writable())
    void duo.hub.close()
    const heard: unknown[] = []
    duo.startHub().on("up", (data) => heard.push(String(data).length))
    network.unblock("websocket")
    await runtime.pass(30_000)
    expect(room).toEqual({ isSettled: true })
    expect(heard).toEqual([200_000])
  })

  it("is asked for fresh credentials as ever, and its stream goes on", async () => {
    const reasons: string[] = []
    let judged = 0
    const authenticate = (): Principal => ({ id: "u1", expiresAt: Date.UTC(2026, 0, 1) + ++judged * 30_000 })
    const duo = await createDuo({
      transports: ["websocket"],
      latencyMs: LATENCY_MS,
      hub: { authenticate },
      channel: { auth: ({ reason }) => void reasons.push(reason) },
    })
    const { runtime, hub, channel } = duo
    hub.handle("count", async function* () {
      for (const i of upTo(90)) {
        await wait(runtime, 1_000)
        yield i
      }
    })
    const reading = read(runtime, channel.stream("count"))
    await runtime.pass(1_000)
    expect(await timeOf(duo, 200_000)).toBeGreaterThan(80_000)
    await runtime.pass(1_000)
    expect(reading).toMatchObject({ isSettled: true, items: upTo(90) })
    expect(reading.code).toBeUndefined()
    expect(reasons.filter((reason) => reason === "expiring").length).toBeGreaterThanOrEqual(2)
  })
})
