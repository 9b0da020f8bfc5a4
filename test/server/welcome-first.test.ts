import type { Batch, Dialer } from "everwire"
import { createHub } from "everwire/server"
import { createNetwork, createVirtualRuntime } from "everwire/testing"
import { describe, expect, it } from "vitest"

const HELLO = {
  v: 1,
  id: "session-of-the-welcome-test",
  key: "the-key-of-the-welcome-test",
  heard: 0,
  acked: 0,
  holder: "one-holder-of-twenty-two",
}

/** Sends a hello to a hub that has a large message for each peer. Returns when each batch arrived, in ms. */
function hello(transport: string, turn: number): { batch: string; ms: number }[] {
  const runtime = createVirtualRuntime()
  const limits = { upBytesPerSecond: 2_500, downBytesPerSecond: 2_500 }
  const network = createNetwork({ runtime, latencyMs: 100, limits })
  const hub = createHub({ runtime, transports: [network.acceptor(transport)] })
  hub.onPeer((peer) => void peer.send("bulk", "x".repeat(10_000)))
  const startedAt = runtime.now()
  const batches: { batch: string; ms: number }[] = []
  const dialer: Dialer = network.dialer(transport, { streamed: transport === "sse" })
  const link = dialer.dial(
    { url: "http://hub", runtime, platform: {}, withCredentials: false, holdMs: 25_000, learnHold() {} },
    {
      batch: (batch: Batch) => void batches.push({ batch: String(batch), ms: runtime.now() - startedAt }),
      closed() {},
      writable() {},
    },
  )
  link.send(`h${JSON.stringify({ ...HELLO, turn })}`)
  runtime.advance(10_000)
  return batches
}

describe.each(["websocket", "sse", "long-poll", "short-poll"])("the welcome over %s", (transport) => {
  it("comes alone, as soon as a slow network can carry it, before a large message for each peer", () => {
    const [welcome, next] = hello(transport, 1)
    expect(welcome?.batch).toMatch(/^w\{[^\n]*$/)
    expect(welcome?.ms).toBeLessThan(500)
    expect(next?.batch).toContain("\nfmbulk\t")
  })

  it("comes alone where the hello takes no turn, and no packet follows", () => {
    expect(hello(transport, 0).map(({ batch }) => batch.charAt(0))).toEqual(["w"])
  })
})
