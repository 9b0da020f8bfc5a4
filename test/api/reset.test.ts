import type { Channel, Reset, Status } from "everwire"
import { afterEach, describe, expect, it } from "vitest"
import { disposeAll, nextOf, startDuo } from "../support/hub-server.ts"

afterEach(disposeAll)

function resetOf(channel: Channel): Promise<Reset> {
  return nextOf<Reset>((listener) => channel.onReset(listener))
}

function statusOf(channel: Channel, wanted: Status): Promise<unknown> {
  return nextOf<Status>(
    (listener) => channel.onStatus(listener),
    (status) => status === wanted,
  )
}

describe("a session that the hub no longer knows", () => {
  it("is reported with the messages that may be lost; they are not sent again", async () => {
    const { hub, channel, restart } = await startDuo()
    const reset = resetOf(channel)
    const first = nextOf<unknown>((listener) => hub.on("n", listener))
    channel.send("n", 1)
    channel.send("n", Uint8Array.of(2))
    await first
    const again = restart()
    const heard: unknown[] = []
    again.on("n", (data) => heard.push(data))
    expect(await reset).toEqual({
      closing: expect.objectContaining({ code: "session-unknown" }),
      messages: [
        { name: "n", data: 1 },
        { name: "n", data: Uint8Array.of(2) },
      ],
    })
    channel.send("n", 3)
    await channel.flush()
    expect(heard).toEqual([3])
    expect(channel.status).toBe("open")
  })

  it("begins again with those messages where the application asked for resend, in their order and first", async () => {
    const { hub, channel, restart } = await startDuo({}, { transports: ["websocket"], resend: true })
    const reset = resetOf(channel)
    const first = nextOf<unknown>((listener) => hub.on("n", listener))
    channel.send("n", 1)
    channel.send("n", 2)
    await first
    const again = restart()
    const heard: unknown[] = []
    again.on("n", (data) => heard.push(data))
    channel.onReset(() => channel.send("n", "said in onReset"))
    expect((await reset).messages).toHaveLength(2)
    channel.send("n", 3)
    await channel.flush()
    expect(heard).toEqual([1, 2, "said in onReset", 3])
  })

  it("loses no message that was sent without a link, and does not report it", async () => {
    const { channel, restart } = await startDuo()
    // The hub must have heard something in this session: otherwise the session would begin again without a reset.
    channel.send("n", 0)
    await channel.flush()
    const reset = resetOf(channel)
    const down = statusOf(channel, "reconnecting")
    const again = restart()
    const heard: unknown[] = []
    again.on("n", (data) => heard.push(data))
    await down
    channel.send("n", 1)
    channel.send("n", 2)
    expect((await reset).messages).toEqual([])
    await channel.flush()
    expect(heard).toEqual([1, 2])
  })

  it("rejects the requests that were waiting for an answer with session-reset", async () => {
    const { hub, channel, restart } = await startDuo()
    const asked = new Promise<void>((resolve) => {
      hub.handle("slow", () => {
        resolve()
        return new Promise(() => {})
      })
    })
    const answer = channel.request("slow")
    const rejected = expect(answer).rejects.toMatchObject({ code: "session-reset" })
    await asked
    restart().handle("slow", () => "fast")
    await rejected
    expect(await channel.request("slow")).toBe("fast")
  })

  it("rejects flush, because no ack can come any more", async () => {
    const { hub, channel, restart } = await startDuo()
    const first = nextOf<unknown>((listener) => hub.on("n", listener))
    channel.send("n", 1)
    const flushed = channel.flush().catch((error: unknown) => error)
    const outcome = Promise.race([flushed, first])
    await outcome
    channel.send("n", 2)
    const lost = expect(channel.flush()).rejects.toMatchObject({ code: "session-unknown" })
    restart()
    await lost
  })

  it("is a new peer at the hub, whose messages the channel hears from the first on", async () => {
    const { channel, peer, restart } = await startDuo()
    peer.send("greeting", "one")
    expect(await nextOf<unknown>((listener) => channel.on("greeting", listener))).toBe("one")
    const before = channel.peerId
    const again = restart()
    again.onPeer((next) => next.send("greeting", "two"))
    expect(await nextOf<unknown>((listener) => channel.on("greeting", listener))).toBe("two")
    expect(channel.peerId).not.toBe(before)
  })
})

describe("a session that the hub still knows", () => {
  it("is resumed after its connection was cut: no message is reported, lost or doubled", async () => {
    const { hub, channel, peer, sockets } = await startDuo()
    const up: unknown[] = []
    const down: unknown[] = []
    hub.on("n", (data) => up.push(data))
    channel.on("n", (data) => down.push(data))
    channel.onReset(() => expect.unreachable())
    const peerId = channel.peerId
    for (let n = 0; n < 30; n++) {
      channel.send("n", n)
      peer.send("n", n)
      if (n % 10 !== 5) continue
      const open = statusOf(channel, "open")
      for (const socket of sockets) socket.resetAndDestroy()
      await open
    }
    await channel.flush()
    await hub.close({ drainMs: 5_000 })
    const all = Array.from({ length: 30 }, (_, n) => n)
    expect(up).toEqual(all)
    expect(down).toEqual(all)
    expect(channel.peerId).toBe(peerId)
  })
})
