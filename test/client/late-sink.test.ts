import { createChannel, type Dialer } from "everwire/core"
import { createHub } from "everwire/server"
import { createNetwork, createVirtualRuntime } from "everwire/testing"
import { expect, it } from "vitest"

it("a transport that tells of its end after it was closed does no harm: its rung is not thought broken", () => {
  const runtime = createVirtualRuntime()
  const network = createNetwork({ runtime })
  const good = network.dialer("websocket")
  const late: Dialer = {
    ...network.dialer("sse"),
    dial(target, sink) {
      const link = network.dialer("sse").dial(target, sink)
      const close = link.close.bind(link)
      link.close = (why) => {
        close(why)
        runtime.after(50, () => sink.closed({ code: "network", reason: "too late", retryable: true }))
      }
      return link
    },
  }
  createHub({ runtime, transports: [network.acceptor("websocket"), network.acceptor("sse")] })
  network.block("websocket")
  const channel = createChannel("http://hub", { runtime, store: null, reprobeMs: [1_000], transports: [good, late] })
  runtime.advance(500)
  expect(channel.transport).toBe("sse")
  network.unblock("websocket")
  runtime.advance(5_000)
  expect([channel.status, channel.transport]).toEqual(["open", "websocket"])
  const ends = channel.explain().incidents.filter(({ transport }) => transport === "sse")
  expect(ends.at(-1)?.what).toBe("let-go")
})
