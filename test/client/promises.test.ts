import { Channel, type ChannelOptions, type EverwireError, type Reset } from "everwire"
import { Hub, type HubOptions, type Peer, type PeerClosing } from "everwire/server"
import { createNetwork, createVirtualRuntime, type VirtualRuntime } from "everwire/testing"
import { describe, expect, it } from "vitest"

interface Pair {
  readonly runtime: VirtualRuntime
  readonly hub: Hub
  readonly channel: Channel
  /** The errors that the channel gave to `onError`. */
  readonly errors: EverwireError[]
  readonly resets: Reset[]
  /** The data of the messages named "n" that the hub heard. */
  readonly heard: unknown[]
}

/** Creates a hub and a channel that has not begun to dial. */
function createPair(hubOptions: HubOptions, channelOptions: ChannelOptions = {}): Pair {
  const runtime = createVirtualRuntime()
  const network = createNetwork({ runtime, latencyMs: 10 })
  const hub = new Hub({ ...hubOptions, runtime: runtime.machine() }, [network.acceptor("websocket")])
  const channel = new Channel("http://hub", { store: null, ...channelOptions, runtime: runtime.machine() }, [
    network.dialer("websocket"),
  ])
  const pair: Pair = { runtime, hub, channel, errors: [], resets: [], heard: [] }
  // These tests cause no other errors than those of everwire.
  channel.onError((error) => pair.errors.push(error as EverwireError))
  channel.onReset((reset) => pair.resets.push(reset))
  hub.on("n", (data) => pair.heard.push(data))
  return pair
}

/** How a promise settled: "resolved", or the code with which it rejected. */
async function outcomeOf(promise: Promise<unknown>): Promise<unknown> {
  return await promise.then(
    () => "resolved",
    (error: EverwireError) => error.code,
  )
}

const numbersOf = (resets: readonly Reset[]): unknown[] =>
  resets.map(({ closing, messages }) => [closing.code, messages.map(({ data }) => data)])

describe("a message that is sent before the hub has told its size limit, and is larger than that limit", () => {
  const LARGE = "x".repeat(50_000)

  it("is not sent; onError hears of it, and all other messages arrive in order", async () => {
    const { runtime, channel, errors, resets, heard } = createPair({ maxPayloadBytes: 10_000 })
    channel.send("n", 1)
    const before = outcomeOf(channel.flush())
    channel.send("n", LARGE)
    channel.send("n", 3)
    const behind = outcomeOf(channel.flush())
    await runtime.pass(1_000)
    expect(heard).toEqual([1, 3])
    expect([await before, await behind]).toEqual(["resolved", "payload-too-large"])
    expect(errors.map(({ code, cause }) => [code, cause])).toEqual([["payload-too-large", { name: "n", data: LARGE }]])
    expect([resets, channel.bufferedBytes, channel.status]).toEqual([[], 0, "open"])
    expect(await outcomeOf(channel.flush())).toBe("resolved")
  })

  it("rejects when it is a request, and the hub's handler is not called", async () => {
    const { runtime, hub, channel, errors } = createPair({ maxPayloadBytes: 10_000 })
    hub.handle("echo", (data) => data)
    const large = outcomeOf(channel.request("echo", LARGE))
    const bytes = outcomeOf(channel.request("echo", new Uint8Array(10_001)))
    const small = channel.request("echo", 5)
    await runtime.pass(1_000)
    expect([await large, await bytes, await small]).toEqual(["payload-too-large", "payload-too-large", 5])
    expect(errors).toEqual([])
  })

  it("is reported, too, when the hub that follows after a deploy has a lower limit", async () => {
    const runtime = createVirtualRuntime()
    const network = createNetwork({ runtime, latencyMs: 10 })
    const first = runtime.machine()
    new Hub({ runtime: first }, [network.acceptor("websocket")]).on("n", () => {})
    const channel = new Channel("http://hub", { store: null, runtime: runtime.machine() }, [
      network.dialer("websocket"),
    ])
    const errors: unknown[] = []
    // These tests cause no other errors than those of everwire.
    channel.onError((error) => errors.push((error as EverwireError).code))
    channel.send("n", 0)
    await runtime.pass(1_000)
    first.halt()
    network.crash(first)
    await runtime.pass(100)
    for (const data of [1, LARGE, 3]) channel.send("n", data)
    const heard: unknown[] = []
    const next = new Hub({ maxPayloadBytes: 10_000, runtime: runtime.machine() }, [network.acceptor("websocket")])
    next.on("n", (data) => heard.push(data))
    await runtime.pass(60_000)
    expect([channel.status, heard, errors]).toEqual(["open", [1, 3], ["payload-too-large"]])
  })

  it("lets the listener that hears of it close the channel", async () => {
    const { runtime, channel } = createPair({ maxPayloadBytes: 10_000 })
    channel.send("n", LARGE)
    channel.onError(() => void channel.close())
    await runtime.pass(5_000)
    expect(channel.status).toBe("closed")
  })
})

describe("each end of a session reports the messages that may be lost", () => {
  /** Ways to end a session, by the code with which the channel closes. */
  const ends: readonly [code: string, hub: HubOptions, end: (pair: Pair, peer: Peer) => unknown][] = [
    ["closed-by-peer", {}, (_pair, peer) => peer.close("enough")],
    ["closed", {}, ({ channel }) => channel.close({ flushMs: 0 })],
  ]

  it.each(ends)("%s", async (code, hubOptions, end) => {
    const pair = createPair(hubOptions)
    const { runtime, hub, channel, resets } = pair
    await runtime.pass(1_000)
    const [peer] = hub.peers.values()
    if (peer === undefined) throw new Error("nobody came")
    const closings: PeerClosing[] = []
    peer.onClose((closing) => closings.push(closing))
    for (let n = 0; n < 3; n++) peer.send("n", n)
    for (let n = 0; n < 5; n++) channel.send("n", n)
    const waits = [channel.flush(), channel.request("never"), peer.request("never")].map(outcomeOf)
    end(pair, peer)
    await runtime.pass(1_000)
    expect(channel.status).toBe("closed")
    expect(numbersOf(resets)).toEqual([[code, [0, 1, 2, 3, 4]]])
    expect(closings.map(({ undelivered }) => undelivered)).toEqual([3])
    const theirs = code === "closed" ? "closed-by-peer" : "closed"
    expect(await Promise.all(waits)).toEqual([code, code, theirs])
  })

  it("unauthorized: five sends that returned true are reported before the status changes", async () => {
    const { runtime, channel, resets } = createPair({ authenticate: () => null })
    const told: unknown[] = []
    channel.onReset(() => told.push("reset"))
    channel.onStatus((status) => told.push(status))
    for (let n = 0; n < 5; n++) expect(channel.send("n", n)).toBe(true)
    const waits = [channel.flush(), channel.opened, channel.request("x")].map(outcomeOf)
    await runtime.pass(1_000)
    expect(numbersOf(resets)).toEqual([["unauthorized", [0, 1, 2, 3, 4]]])
    expect(told).toEqual(["reset", "closed"])
    expect(await Promise.all(waits)).toEqual(["unauthorized", "unauthorized", "unauthorized"])
    expect(() => channel.send("n", 5)).toThrow(expect.objectContaining({ code: "closed" }))
  })

  it("messages that the other side has heard are not among them, even if their ack was still owed", async () => {
    const { runtime, hub, channel, resets } = createPair({})
    const undelivered: number[] = []
    hub.onPeer((peer) => peer.onClose((closing) => undelivered.push(closing.undelivered)))
    hub.on("bye", (_, peer) => peer.close())
    await runtime.pass(1_000)
    hub.send("n", 1)
    await runtime.pass(100)
    channel.send("n", 1)
    channel.send("bye")
    await runtime.pass(1_000)
    expect([channel.status, resets]).toEqual(["closed", []])

    const second = createPair({})
    second.hub.onPeer((peer) => peer.onClose((closing) => undelivered.push(closing.undelivered)))
    await second.runtime.pass(1_000)
    second.hub.send("n", 1)
    await second.runtime.pass(100)
    void second.channel.close()
    await second.runtime.pass(100)
    expect(undelivered).toEqual([1, 0])
  })

  it("close() gives messages that were sent before the channel was open the time to arrive", async () => {
    const { runtime, channel, resets, heard } = createPair({})
    channel.send("n", 1)
    const closed = outcomeOf(channel.close())
    await runtime.pass(2_000)
    expect([await closed, heard, resets]).toEqual(["resolved", [1], []])
  })
})

it("the value of the `auth` option is refused like a payload where JSON would change it", async () => {
  const { runtime, channel, errors } = createPair({}, { auth: async () => ({ token: new Map() }) })
  await runtime.pass(1_000)
  expect(errors[0]).toMatchObject({ code: "payload-unsupported", message: expect.stringContaining("data.auth.token") })
  expect(channel.explain().why).toMatch(/^nothing is connected: no credentials: .*data\.auth\.token/)
})
