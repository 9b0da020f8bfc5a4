// Requests that are answered with a stream of items.

import type { EverwireError } from "everwire"
import { createDuo, type Duo } from "everwire/testing"
import { describe, expect, it } from "vitest"

/** What a channel asks of the hub, or the hub of the channel: the seat that answers, and the one that asks. */
const ways = {
  "of the hub": ({ hub, channel }: Duo) => ({ answers: hub, asks: channel }),
  "of the channel": ({ channel, peer }: Duo) => ({ answers: channel, asks: peer }),
}

interface Watched {
  /** Items that the generator was asked for. */
  pulled: number
  /** How often its `finally` ran. */
  finished: number
}

/** A generator of 0, 1, 2, ... and what became of it. */
function counting(count = Number.POSITIVE_INFINITY): Watched & { handler: () => AsyncGenerator<number> } {
  const watched = {
    pulled: 0,
    finished: 0,
    async *handler() {
      try {
        for (let n = 0; n < count; n++) {
          watched.pulled++
          yield n
        }
      } finally {
        watched.finished++
      }
    },
  }
  return watched
}

async function gather(loop: AsyncIterable<unknown>, into: unknown[] = []): Promise<unknown[]> {
  for await (const item of loop) into.push(item)
  return into
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, n) => n)

describe.each(Object.entries(ways))("a stream %s", (_, seatsOf) => {
  it("brings each item once and in order, and ends", async () => {
    const duo = await createDuo()
    const { answers, asks } = seatsOf(duo)
    const watched = counting(500)
    answers.handle("count", watched.handler)
    const items = gather(asks.stream("count"))
    await duo.runtime.pass(30_000)
    expect(await items).toEqual(upTo(500))
    expect(watched).toMatchObject({ pulled: 500, finished: 1 })
  })

  it("is given the data and a signal, may be a promise of a stream, and may have no item", async () => {
    const duo = await createDuo()
    const { answers, asks } = seatsOf(duo)
    const seen: unknown[] = []
    answers.handle("none", async (data: unknown, _seat: unknown, { signal }: { signal: AbortSignal }) => {
      await Promise.resolve()
      seen.push(data, signal.aborted)
      return counting(0).handler()
    })
    const items = gather(asks.stream("none", { page: 1 }))
    await duo.runtime.pass(1_000)
    expect(await items).toEqual([])
    expect(seen).toEqual([{ page: 1 }, false])
  })

  it("may be a ReadableStream, and may have bytes and undefined among its items", async () => {
    const duo = await createDuo()
    const { answers, asks } = seatsOf(duo)
    answers.handle(
      "mixed",
      () =>
        new ReadableStream<unknown>({
          start(controller) {
            for (const item of [1, new Uint8Array([1, 2]), undefined, "end"]) controller.enqueue(item)
            controller.close()
          },
        }),
    )
    const items = gather(asks.stream("mixed"))
    await duo.runtime.pass(1_000)
    expect(await items).toEqual([1, new Uint8Array([1, 2]), undefined, "end"])
  })

  it("is not produced faster than it is taken: 16 items ahead", async () => {
    const duo = await createDuo()
    const { answers, asks } = seatsOf(duo)
    const watched = counting()
    answers.handle("count", watched.handler)
    const loop = asks.stream("count")
    await duo.runtime.pass(10_000)
    expect(watched.pulled).toBe(16)
    for (let n = 0; n < 100; n++) {
      const next = loop.next()
      await duo.runtime.pass(100)
      expect(await next).toEqual({ done: false, value: n })
      expect(watched.pulled).toBeLessThanOrEqual(n + 1 + 16)
    }
    expect(watched.pulled).toBeGreaterThan(100)
    await loop.return()
    await duo.runtime.pass(1_000)
    expect(watched.finished).toBe(1)
  })

  it.each([1, 8, 20])(
    "runs the generator's finally when the loop is left after %i items, and brings nothing more",
    async (count) => {
      const duo = await createDuo()
      const { answers, asks } = seatsOf(duo)
      const watched = counting()
      answers.handle("count", watched.handler)
      const got: unknown[] = []
      const left = (async () => {
        for await (const item of asks.stream("count")) {
          got.push(item)
          if (got.length === count) break
        }
      })()
      await duo.runtime.pass(5_000)
      await left
      const { pulled } = watched
      await duo.runtime.pass(5_000)
      expect(got).toEqual(upTo(count))
      expect(watched).toMatchObject({ pulled, finished: 1 })
    },
  )

  it.each(["before", "while it waits for an item", "with items waiting"])(
    "throws request-aborted when its signal fires %s, and the handler's signal fires",
    async (when) => {
      const duo = await createDuo()
      const { answers, asks } = seatsOf(duo)
      const controller = new AbortController()
      let stopped = false
      answers.handle("slow", async function* (_data: unknown, _seat: unknown, { signal }: { signal: AbortSignal }) {
        try {
          yield "first"
          yield "second"
          await new Promise((resolve) => signal.addEventListener("abort", resolve))
        } finally {
          stopped = true
        }
      })
      if (when === "before") {
        controller.abort()
        expect(() => asks.stream("slow", null, { signal: controller.signal })).toThrow(
          expect.objectContaining({ code: "request-aborted" }),
        )
        return
      }
      const loop = asks.stream("slow", null, { signal: controller.signal })
      await duo.runtime.pass(1_000)
      const got: unknown[] = []
      const reading = gather(loop, got)
      if (when === "while it waits for an item") await duo.runtime.pass(1_000)
      controller.abort()
      await expect(reading).rejects.toMatchObject({ code: "request-aborted" })
      await duo.runtime.pass(1_000)
      expect(stopped).toBe(true)
    },
  )

  it("drops what waits for the loop when its signal fires after all items have come", async () => {
    const duo = await createDuo()
    const { answers, asks } = seatsOf(duo)
    const watched = counting(10)
    answers.handle("count", watched.handler)
    const controller = new AbortController()
    const items: unknown[] = []
    const reading = (async () => {
      for await (const item of asks.stream("count", undefined, { signal: controller.signal })) {
        items.push(item)
        await new Promise<void>((resolve) => void duo.runtime.after(1_000, resolve))
      }
    })()
    await duo.runtime.pass(2_500)
    expect(watched.finished).toBe(1)
    controller.abort()
    const thrown = expect(reading).rejects.toMatchObject({ code: "request-aborted" })
    await duo.runtime.pass(30_000)
    await thrown
    expect(items).toEqual(upTo(3))
  })

  it("gives what came before the handler failed, and then throws its code", async () => {
    const duo = await createDuo()
    const { answers, asks } = seatsOf(duo)
    const reported: unknown[] = []
    answers.onError((error: unknown) => reported.push(error))
    answers.handle("bad", async function* () {
      yield 1
      await Promise.resolve()
      throw new Error("secret")
    })
    const got: unknown[] = []
    const reading = gather(asks.stream("bad"), got)
    await duo.runtime.pass(1_000)
    await expect(reading).rejects.toMatchObject({ code: "request-failed", message: "the handler failed" })
    expect(got).toEqual([1])
    expect(reported).toMatchObject([{ message: "secret" }])
  })

  it("fails with the code of an item that cannot be sent, ends the generator, and tells the handler's side why", async () => {
    const duo = await createDuo()
    const { answers, asks } = seatsOf(duo)
    const reported: unknown[] = []
    answers.onError((error: unknown) => reported.push(error))
    let finished = 0
    answers.handle("odd", async function* () {
      try {
        yield 1
        yield { at: 1n }
      } finally {
        finished++
      }
    })
    const reading = gather(asks.stream("odd"))
    await duo.runtime.pass(1_000)
    await expect(reading).rejects.toMatchObject({ code: "payload-unsupported", message: "the answer cannot be sent" })
    expect(finished).toBe(1)
    expect((reported[0] as EverwireError).message).toContain(".at")
  })

  it("has one item when the handler answers with a plain value, and request() fails when it answers with a stream", async () => {
    const duo = await createDuo()
    const { answers, asks } = seatsOf(duo)
    const watched = counting()
    answers.handle("plain", () => "value")
    answers.handle("nothing", () => {})
    answers.handle("count", watched.handler)
    const plain = gather(asks.stream("plain"))
    const nothing = gather(asks.stream("nothing"))
    const wrong = asks.request("count").catch((error: unknown) => error)
    const unhandled = gather(asks.stream("unknown")).catch((error: unknown) => error)
    await duo.runtime.pass(1_000)
    expect([await plain, await nothing]).toEqual([["value"], []])
    expect(await wrong).toMatchObject({
      code: "request-failed",
      message: '"count" answers with a stream: ask with stream()',
    })
    expect(await unhandled).toMatchObject({ code: "request-unhandled" })
    expect(watched.pulled).toBe(0)
  })

  it("throws what the session ended with, and runs the generator's finally", async () => {
    const duo = await createDuo()
    const { answers, asks } = seatsOf(duo)
    const watched = counting()
    answers.handle("count", watched.handler)
    const loop = asks.stream("count")
    const got: unknown[] = []
    await duo.runtime.pass(1_000)
    duo.peer.close("enough")
    await duo.runtime.pass(5_000)
    await expect(gather(loop, got)).rejects.toMatchObject({ code: expect.stringMatching(/^closed/) })
    expect(got).toEqual(upTo(16))
    expect(watched.finished).toBe(1)
    expect(() => asks.stream("count")).toThrow(expect.objectContaining({ code: "closed" }))
  })

  it("refuses unknown options and names that are none, as misuse", async () => {
    const { asks } = seatsOf(await createDuo())
    const misuse = expect.objectContaining({ code: "misuse" })
    expect(() => asks.stream("n", null, { timeoutMs: 5 } as never)).toThrow(misuse)
    expect(() => asks.stream("n", null, { signal: 5 } as never)).toThrow(misuse)
    expect(() => asks.stream("")).toThrow(misuse)
  })

  it("runs beside others: 40 streams at once, each in its own order", async () => {
    const duo = await createDuo()
    const { answers, asks } = seatsOf(duo)
    answers.handle("from", async function* (start: unknown) {
      for (let n = 0; n < 50; n++) yield Number(start) + n
    })
    const all = upTo(40).map((n) => gather(asks.stream("from", 1_000 * n)))
    await duo.runtime.pass(60_000)
    for (const [n, items] of all.entries()) expect(await items).toEqual(upTo(50).map((item) => 1_000 * n + item))
  })
})

describe.each(["websocket", "sse", "long-poll", "short-poll"] as const)("a stream over %s", (transport) => {
  it("brings 500 items once and in order through ten cuts", { timeout: 60_000 }, async () => {
    const watched = counting(500)
    const duo = await createDuo({
      serve: (hub) => void hub.handle("count", watched.handler),
      transports: [transport],
    })
    const got: unknown[] = []
    const reading = gather(duo.channel.stream("count"), got)
    for (let cut = 0; cut < 10; cut++) {
      await duo.runtime.passUntil(() => got.length >= 50 * cut, 60_000)
      duo.network.cut()
      await duo.runtime.pass(37)
    }
    await duo.runtime.pass(120_000)
    expect(await reading).toEqual(upTo(500))
    expect(watched).toMatchObject({ pulled: 500, finished: 1 })
  })

  it("is cancelled through a cut: the generator's finally runs, and nothing follows", async () => {
    const watched = counting()
    const duo = await createDuo({
      serve: (hub) => void hub.handle("count", watched.handler),
      transports: [transport],
    })
    const loop = duo.channel.stream("count")
    await duo.runtime.pass(3_000)
    duo.network.cut()
    await loop.return()
    await duo.runtime.pass(20_000)
    expect(watched.finished).toBe(1)
    const { pulled } = watched
    await duo.runtime.pass(5_000)
    expect(watched.pulled).toBe(pulled)
  })
})
