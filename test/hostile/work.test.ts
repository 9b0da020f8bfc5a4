// How much work one peer can cause a hub, over real sockets.

import { afterEach, describe, expect, it } from "vitest"
import { connect, disposeAll, startHub } from "../support/hub-server.ts"
import { startArena } from "./arena.ts"
import { openWelcomed } from "./attack.ts"

afterEach(disposeAll)

describe("a peer that sends more than it may", () => {
  it("is not read from while its packets wait, and is closed with rate-limited when it never pauses", async () => {
    const arena = await startArena({ limits: { maxMessagesPerSecond: 500 } })
    const refused: string[] = []
    arena.hub.onRefused(({ code }) => refused.push(code))
    const flood = await openWelcomed(arena.url)
    const batch = Array.from({ length: 16_000 }, () => "mx\t1").join("\n")
    flood.socket.send("n1")
    // Far more than the buffers of two sockets hold.
    for (let n = 0; n < 400; n++) flood.socket.send(batch)
    await arena.pass(1_000)
    const waiting = flood.socket.bufferedAmount
    expect(waiting).toBeGreaterThan(10_000_000)
    for (let n = 0; n < 8; n++) await arena.pass(800)
    expect(await flood.closed).toMatchObject({ code: "rate-limited", bye: "rate-limited" })
    expect(refused).toEqual(["rate-limited"])
    await arena.settled()
  })
})

describe("a channel that sends more than it may", () => {
  it.each(["websocket", "long-poll", "sse"] as const)(
    "is slowed over %s: all messages arrive once and in order, and flush waits for them",
    async (transport) => {
      const { hub, url } = await startHub({ limits: { maxMessagesPerSecond: 2_000 } })
      const heard: unknown[] = []
      hub.on("n", (data) => heard.push(data))
      const channel = await connect(url, { transports: [transport] })
      const startedAt = performance.now()
      for (let n = 0; n < 9_000; n++) channel.send("n", n)
      await channel.flush()
      expect(heard).toEqual(Array.from({ length: 9_000 }, (_, n) => n))
      expect(performance.now() - startedAt).toBeGreaterThan(300)
      // The channel may prove a stream meanwhile; but no link was lost, and none was doubted.
      const incidents = channel.explain().incidents.filter(({ what }) => what !== "proved")
      expect(incidents.map(({ what }) => what)).toEqual(["dialed", "welcomed", "took-over"])
    },
  )
})
