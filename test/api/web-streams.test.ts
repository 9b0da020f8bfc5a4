// Messages as the web's streams.

import { readable, writable } from "everwire/streams"
import { createDuo } from "everwire/testing"
import { describe, expect, it } from "vitest"

/** A stream of these chunks. */
function streamOf<Chunk>(chunks: readonly Chunk[]): ReadableStream<Chunk> {
  return new ReadableStream<Chunk>({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(chunk)
      controller.close()
    },
  })
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, n) => n)

describe("readable", () => {
  it.each(["channel", "peer"] as const)(
    "of a %s gives its messages in order, and ends when that closes",
    async (seat) => {
      const { channel, peer, runtime } = await createDuo()
      const stream = seat === "channel" ? readable(channel, "n") : readable(peer, "n")
      const sender = seat === "channel" ? peer : channel
      for (const n of upTo(100)) sender.send("n", n)
      await runtime.pass(2_000)
      peer.close()
      await runtime.pass(2_000)
      const got: unknown[] = []
      await stream.pipeTo(new WritableStream({ write: (data) => void got.push(data) }))
      expect(got).toEqual(upTo(100))
    },
  )

  it("fails with buffer-full when more waits than may, after what waited", async () => {
    const { channel, peer, runtime } = await createDuo()
    const reader = readable(channel, "n", { maxWaiting: 2 }).getReader()
    for (const n of upTo(3)) peer.send("n", n)
    await runtime.pass(1_000)
    expect([await reader.read(), await reader.read()].map(({ value }) => value)).toEqual([0, 1])
    await expect(reader.read()).rejects.toMatchObject({ code: "buffer-full" })
  })

  it("ends the subscription when it is cancelled, also while a read waits", async () => {
    const { channel, peer, runtime } = await createDuo()
    const reader = readable(peer, "n").getReader()
    const waiting = reader.read()
    await reader.cancel()
    expect(await waiting).toEqual({ done: true, value: undefined })
    const late: unknown[] = []
    peer.on("n", (data) => late.push(data))
    channel.send("n", 1)
    await runtime.pass(1_000)
    expect(late).toEqual([1])
  })

  it("refuses what messages() refuses", async () => {
    const { channel } = await createDuo()
    expect(() => readable(channel, "n", { maxWaiting: 0 })).toThrow(expect.objectContaining({ code: "misuse" }))
  })
})

describe("writable", () => {
  it("sends each chunk in order, and its close waits until the other side has all", async () => {
    const { channel, hub, runtime } = await createDuo()
    const heard: unknown[] = []
    hub.on("n", (data) => heard.push(data))
    const piped = streamOf(upTo(1_000)).pipeTo(writable(channel, "n"))
    await runtime.pass(10_000)
    await piped
    expect(heard).toEqual(upTo(1_000))
    expect(channel.bufferedBytes).toBe(0)
  })

  it("takes no more than fits into the buffer while the other side cannot be reached", async () => {
    const { peer, network, runtime } = await createDuo()
    network.block()
    network.cut()
    let taken = 0
    const source = new ReadableStream({
      pull(controller) {
        taken++
        controller.enqueue("x".repeat(1_000))
      },
    })
    const piped = source.pipeTo(writable(peer, "n")).catch((error: unknown) => error)
    await runtime.pass(5_000)
    expect(taken).toBeLessThan(10)
    peer.close("enough")
    await runtime.pass(1_000)
    expect(await piped).toMatchObject({ code: "closed" })
  })

  it("fails with the code of what cannot be sent, and the source is cancelled with it", async () => {
    const { channel } = await createDuo()
    let why: unknown
    const source = new ReadableStream({
      start: (controller) => controller.enqueue(1n),
      cancel(reason) {
        why = reason
      },
    })
    await expect(source.pipeTo(writable(channel, "n"))).rejects.toMatchObject({ code: "payload-unsupported" })
    expect(why).toMatchObject({ code: "payload-unsupported" })
  })
})
