import { type Channel, createChannel, type Dialer } from "everwire"
import { createHub } from "everwire/server"
import { createNetwork, createVirtualRuntime, type Network, type VirtualRuntime } from "everwire/testing"
import { describe, expect, it } from "vitest"

const LADDER = ["websocket", "sse", "long-poll", "short-poll"]
const BULK = "x".repeat(100_000)

interface Place {
  readonly runtime: VirtualRuntime
  readonly network: Network
  readonly channel: Channel
  /** The turn in each hello, by transport. */
  readonly turns: Record<string, number[]>
  readonly heard: unknown[]
}

/**
 * A hub that sends a large message to each peer, and a channel so far away that it dials all transports before the
 * first answer.
 */
function start(prepare: (network: Network) => void = () => {}): Place {
  const runtime = createVirtualRuntime()
  const network = createNetwork({ runtime, latencyMs: 1_500 })
  const hub = createHub({ runtime, transports: LADDER.map((name) => network.acceptor(name)) })
  hub.onPeer((peer) => void peer.send("bulk", BULK))
  const turns: Record<string, number[]> = {}
  const listening = (dialer: Dialer): Dialer => ({
    ...dialer,
    dial: (target, sink) => {
      const link = dialer.dial(target, sink)
      const send = link.send.bind(link)
      link.send = (batch) => {
        const [, turn] = /^h.*"turn":(\d+)/.exec(String(batch)) ?? []
        if (turn !== undefined) turns[dialer.name] = [...(turns[dialer.name] ?? []), Number(turn)]
        send(batch)
      }
      return link
    },
  })
  prepare(network)
  const channel = createChannel("http://hub", {
    store: null,
    runtime,
    transports: LADDER.map((name) => listening(network.dialer(name, { streamed: name === "sse" }))),
  })
  const heard: unknown[] = []
  channel.on("bulk", (bulk) => heard.push(bulk))
  return { runtime, network, channel, turns, heard }
}

describe("the parallel dials of a first climb", () => {
  it("take no turn: only the hello that was sent alone does", async () => {
    const { runtime, turns } = start()
    await runtime.pass(2_900)
    expect(turns).toEqual({ websocket: [1], sse: [0], "long-poll": [0], "short-poll": [0] })
  })

  it("do not each receive the hub's messages: these go over one link", async () => {
    const { runtime, network, heard } = start()
    await runtime.pass(20_000)
    expect(heard).toEqual([BULK])
    expect(network.dials).toBeGreaterThanOrEqual(LADDER.length)
    expect(network.carried.down.bytes).toBeLessThan(BULK.length * 1.1)
  })

  it("begin the session where the first dial is not answered, and the chosen link has the hub's messages", async () => {
    const { runtime, network, channel, heard } = start((network) => network.blackHole("websocket"))
    await runtime.pass(20_000)
    expect([channel.transport, heard]).toEqual(["sse", [BULK]])
    expect(network.carried.down.bytes).toBeLessThan(BULK.length * 1.1)
  })
})

describe("the dials of later climbs while nothing works", () => {
  it("take a turn again once they are sent alone, so that replacing a lost link costs no round trip more", async () => {
    const { runtime, network, turns } = start((network) => network.delay(10))
    await runtime.pass(5_000)
    network.cut()
    await runtime.pass(1_000)
    expect(turns["websocket"]).toEqual([1, 2])
  })
})
