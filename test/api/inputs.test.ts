// Requests with a stream of items that the asker sends along.

import { type EverwireError, type RequestContext, RequestFailure } from "everwire"
import { createDuo, type Duo } from "everwire/testing"
import { describe, expect, it } from "vitest"

const ways = {
  "to the hub": ({ hub, channel }: Duo) => ({ answers: hub, asks: channel }),
  "to the channel": ({ channel, peer }: Duo) => ({ answers: channel, asks: peer }),
}

/** A source of 0, 1, 2, ... and what became of it. */
function counting(count = Number.POSITIVE_INFINITY) {
  const watched = {
    pulled: 0,
    finished: 0,
    async *items(): AsyncGenerator<number> {
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

const upTo = (count: number): number[] => Array.from({ length: count }, (_, n) => n)

async function gather(loop: AsyncIterable<unknown>, into: unknown[] = []): Promise<unknown[]> {
  for await (const item of loop) into.push(item)
  return into
}

/** What a promise comes to: its value, or the code of its error. */
const outcomeOf = (asking: Promise<unknown>): Promise<unknown> =>
  asking.catch((error: unknown) => (error as EverwireError).code)

const failureOf = (asking: Promise<unknown>): Promise<unknown> => asking.catch((error: unknown) => error)

async function start(seatsOf: (typeof ways)[keyof typeof ways]) {
  const duo = await createDuo()
  const { answers, asks } = seatsOf(duo)
  const reported: { answers: unknown[]; asks: unknown[] } = { answers: [], asks: [] }
  answers.onError((error: unknown) => reported.answers.push(error))
  const askers = asks === duo.channel ? duo.channel : duo.hub
  askers.onError((error: unknown) => reported.asks.push(error))
  return { duo, answers, asks, reported, pass: (ms: number) => duo.runtime.pass(ms) }
}

describe.each(Object.entries(ways))("the input of a request %s", (_, seatsOf) => {
  it("brings each item once and in order, and the answer comes after it", async () => {
    const { answers, asks, pass } = await start(seatsOf)
    const watched = counting(500)
    answers.handle("upload", async (name: unknown, _seat: unknown, { input }: RequestContext) => {
      return { name, items: await gather(input) }
    })
    const answer = asks.request("upload", "file", { input: watched.items(), timeoutMs: 60_000 })
    await pass(30_000)
    expect(await answer).toEqual({ name: "file", items: upTo(500) })
    expect(watched).toMatchObject({ pulled: 500, finished: 1 })
  })

  it("may be a ReadableStream, and may have bytes and undefined among its items, or none", async () => {
    const { answers, asks, pass } = await start(seatsOf)
    const got: unknown[][] = []
    answers.handle("upload", async (_data: unknown, _seat: unknown, { input }: RequestContext) => {
      got.push(await gather(input))
    })
    const stream = new ReadableStream<unknown>({
      start(controller) {
        for (const item of [1, new Uint8Array([1, 2]), undefined, "end"]) controller.enqueue(item)
        controller.close()
      },
    })
    const all = Promise.all([
      asks.request("upload", null, { input: stream }),
      asks.request("upload", null, { input: counting(0).items() }),
      asks.request("upload", null),
    ])
    await pass(1_000)
    expect(await all).toEqual([undefined, undefined, undefined])
    expect(got).toContainEqual([1, new Uint8Array([1, 2]), undefined, "end"])
    expect(got.filter((items) => items.length === 0)).toHaveLength(2)
  })

  it("is not begun before the handler reads it, and then is 16 items ahead of its loop", async () => {
    const { answers, asks, pass } = await start(seatsOf)
    const watched = counting()
    let read = (): void => {}
    const taken: unknown[] = []
    answers.handle("slow", async (_data: unknown, _seat: unknown, request: RequestContext) => {
      await new Promise<void>((resolve) => {
        read = resolve
      })
      for await (const item of request.input) {
        taken.push(item)
        await new Promise<void>((resolve) => {
          read = resolve
        })
      }
    })
    const abort = new AbortController()
    const asking = outcomeOf(
      asks.request("slow", null, { input: watched.items(), timeoutMs: 600_000, signal: abort.signal }),
    )
    await pass(5_000)
    expect(watched.pulled).toBe(0)
    for (let n = 0; n < 60; n++) {
      read()
      await pass(500)
      expect(watched.pulled).toBeLessThanOrEqual(taken.length + 16)
    }
    expect(taken).toEqual(upTo(60))
    expect(watched.pulled).toBeGreaterThan(60)
    abort.abort()
    await pass(1_000)
    expect([await asking, watched.finished]).toEqual(["request-aborted", 1])
  })

  it.each([1, 8, 20])(
    "ends at the asker when the handler leaves its loop after %i items, and goes on",
    async (count) => {
      const { answers, asks, pass } = await start(seatsOf)
      const watched = counting()
      let goOn = (): void => {}
      answers.handle("some", async (_data: unknown, _seat: unknown, { input }: RequestContext) => {
        const got: unknown[] = []
        for await (const item of input) if (got.push(item) === count) break
        await new Promise<void>((resolve) => {
          goOn = resolve
        })
        return got
      })
      const answer = asks.request("some", null, { input: watched.items() })
      await pass(3_000)
      const { pulled } = watched
      expect(watched.finished).toBe(1)
      expect(pulled).toBeLessThanOrEqual(count + 16)
      goOn()
      await pass(1_000)
      expect(await answer).toEqual(upTo(count))
      expect(watched).toMatchObject({ pulled, finished: 1 })
    },
  )

  it("ends at the asker when the handler answers or fails before it has read all", async () => {
    for (const how of ["answers", "fails"]) {
      const { answers, asks, pass } = await start(seatsOf)
      const watched = counting()
      answers.handle("early", async (_data: unknown, _seat: unknown, { input }: RequestContext) => {
        const { value } = await input.next()
        if (how === "fails") throw new RequestFailure("early", "enough")
        return value
      })
      const answer = outcomeOf(asks.request("early", null, { input: watched.items() }))
      await pass(3_000)
      expect(await answer).toBe(how === "fails" ? "early" : 0)
      expect(watched.finished).toBe(1)
      const { pulled } = watched
      await pass(3_000)
      expect(watched.pulled).toBe(pulled)
    }
  })

  it("is closed unread when the handler does not read it", async () => {
    const { answers, asks, pass } = await start(seatsOf)
    let returned = 0
    const items = {
      next: () => expect.unreachable(),
      return: () => Promise.resolve({ done: returned++ > 9, value: 0 }),
    }
    answers.handle("none", () => "answer")
    const answer = asks.request("none", null, { input: { [Symbol.asyncIterator]: () => items as never } })
    await pass(1_000)
    expect([await answer, returned]).toEqual(["answer", 1])
  })

  it.each([
    ["signal", Number.POSITIVE_INFINITY],
    ["signal", 10],
    ["time-out", Number.POSITIVE_INFINITY],
  ])("ends on both sides at the asker's %s, of %d items: the loop throws request-aborted", async (how, count) => {
    const { answers, asks, pass, reported } = await start(seatsOf)
    const watched = counting(count)
    const abort = new AbortController()
    const taken: unknown[] = []
    let thrown: unknown
    answers.handle("slow", async (_data: unknown, _seat: unknown, { input, signal }: RequestContext) => {
      try {
        for await (const item of input) {
          taken.push(item)
          if (taken.length === 5) await new Promise((resolve) => signal.addEventListener("abort", resolve))
        }
      } catch (error) {
        thrown = error
        throw error
      }
    })
    const asking = outcomeOf(
      asks.request("slow", null, { input: watched.items(), timeoutMs: 2_000, signal: abort.signal }),
    )
    await pass(1_000)
    if (how === "signal") abort.abort()
    await pass(2_000)
    expect(await asking).toBe(how === "signal" ? "request-aborted" : "request-timeout")
    const { pulled } = watched
    await pass(3_000)
    expect(thrown).toMatchObject({ code: "request-aborted" })
    expect([taken, watched.finished, watched.pulled]).toEqual([upTo(5), 1, pulled])
    expect(reported).toEqual({ answers: [], asks: [] })
  })

  it("ends for the handler at the asker's time-out by itself, when nothing can arrive", async () => {
    const { duo, answers, asks, pass } = await start(seatsOf)
    let thrown: unknown
    answers.handle("slow", async (_data: unknown, _seat: unknown, { input }: RequestContext) => {
      await gather(input).catch((error: unknown) => {
        thrown = error
      })
    })
    const never = { [Symbol.asyncIterator]: () => ({ next: () => new Promise<never>(() => {}) }) }
    const asking = outcomeOf(asks.request("slow", null, { input: never, timeoutMs: 2_000 }))
    await pass(500)
    duo.network.block()
    duo.network.cut()
    await pass(1_700)
    expect(await asking).toBe("request-timeout")
    expect(thrown).toMatchObject({ code: "request-aborted" })
  })

  it("that throws fails at the handler with a code, and the asker's onError hears all of it", async () => {
    const { answers, asks, pass, reported } = await start(seatsOf)
    const got: unknown[] = []
    answers.handle("upload", (_data: unknown, _seat: unknown, { input }: RequestContext) => gather(input, got))
    const secret = new Error("secret")
    async function* items() {
      yield await Promise.resolve(1)
      throw secret
    }
    const asking = failureOf(asks.request("upload", null, { input: items() }))
    await pass(1_000)
    expect(await asking).toMatchObject({ code: "request-failed", message: "the handler failed" })
    expect(got).toEqual([1])
    expect(reported.answers).toMatchObject([{ code: "request-failed", message: "the input failed" }])
    expect(reported.asks).toEqual([secret])
  })

  it("may fail with a code of the application, message and data", async () => {
    const { answers, asks, pass, reported } = await start(seatsOf)
    let thrown: unknown
    answers.handle("upload", async (_data: unknown, _seat: unknown, { input }: RequestContext) => {
      await gather(input).catch((error: unknown) => {
        thrown = error
      })
      return "handled"
    })
    async function* items() {
      yield await Promise.resolve(1)
      throw new RequestFailure("disk-gone", "it was pulled out", { data: { at: 7 } })
    }
    const asking = asks.request("upload", null, { input: items() })
    await pass(1_000)
    expect(await asking).toBe("handled")
    expect(thrown).toMatchObject({
      name: "EverwireError",
      code: "disk-gone",
      message: "it was pulled out",
      data: { at: 7 },
    })
    expect(reported).toEqual({ answers: [], asks: [] })
  })

  it("with an item that cannot be sent fails with the code of that, and is ended", async () => {
    const { answers, asks, pass, reported } = await start(seatsOf)
    let finished = 0
    let thrown: unknown
    answers.handle("upload", async (_data: unknown, _seat: unknown, { input }: RequestContext) => {
      await gather(input).catch((error: unknown) => {
        thrown = error
      })
    })
    async function* items() {
      try {
        yield await Promise.resolve({ at: 1n })
      } finally {
        finished++
      }
    }
    void asks.request("upload", null, { input: items() })
    await pass(1_000)
    expect(thrown).toMatchObject({ code: "payload-unsupported" })
    expect(finished).toBe(1)
    expect(String(reported.asks[0])).toContain(".at")
  })

  it("goes along with an answer that is a stream, and leaving that ends both", async () => {
    const { answers, asks, pass } = await start(seatsOf)
    let finished = 0
    answers.handle("echo", async function* (_data: unknown, _seat: unknown, { input }: RequestContext) {
      try {
        for await (const item of input) yield Number(item) * 10
      } finally {
        finished++
      }
    })
    const all = gather(asks.stream("echo", null, { input: counting(100).items() }))
    const watched = counting()
    const got: unknown[] = []
    const left = (async () => {
      for await (const item of asks.stream("echo", null, { input: watched.items() })) if (got.push(item) === 20) break
    })()
    await pass(10_000)
    await left
    expect(await all).toEqual(upTo(100).map((n) => n * 10))
    expect(got).toEqual(upTo(20).map((n) => n * 10))
    expect([finished, watched.finished]).toEqual([2, 1])
  })

  it("throws what the session ended with, and is ended at the asker", async () => {
    const { duo, answers, asks, pass } = await start(seatsOf)
    const watched = counting()
    let thrown: unknown
    answers.handle("slow", async (_data: unknown, _seat: unknown, { input }: RequestContext) => {
      for await (const _item of input) await new Promise<void>((resolve) => duo.runtime.after(1_000, resolve))
    })
    answers.onError((error: unknown) => {
      thrown = error
    })
    answers.handle("reads", async (_data: unknown, _seat: unknown, { input }: RequestContext) => {
      await gather(input).catch((error: unknown) => {
        thrown = error
      })
    })
    const never = {
      [Symbol.asyncIterator]: () => ({
        next: () => new Promise<never>(() => {}),
        return: () => Promise.resolve({ done: true as const, value: undefined }),
      }),
    }
    const asking = [
      outcomeOf(asks.request("slow", null, { input: watched.items() })),
      outcomeOf(asks.request("reads", null, { input: never })),
    ]
    await pass(1_500)
    duo.peer.close("enough")
    await pass(5_000)
    expect(await Promise.all(asking)).toEqual([expect.stringMatching(/^closed/), expect.stringMatching(/^closed/)])
    expect(watched.finished).toBe(1)
    expect(thrown).toMatchObject({ code: expect.stringMatching(/^closed/) })
  })

  it("that is read after the answer throws request-aborted, and is empty where there was none", async () => {
    const { answers, asks, pass } = await start(seatsOf)
    const kept: RequestContext[] = []
    answers.handle("keep", (_data: unknown, _seat: unknown, request: RequestContext) => void kept.push(request))
    void asks.request("keep", null, { input: counting().items() })
    await pass(1_000)
    void asks.request("keep", null)
    await pass(1_000)
    const [late, none] = kept
    await expect(late?.input.next()).rejects.toMatchObject({ code: "request-aborted" })
    expect(await none?.input.next()).toEqual({ done: true, value: undefined })
    expect(late?.input).toBe(late?.input)
  })

  it("is misuse where it is no source, and is not touched when the call fails", async () => {
    const { asks } = await start(seatsOf)
    for (const input of [5, "text", [1], {}]) {
      expect(await failureOf(asks.request("n", null, { input: input as never }))).toMatchObject({ code: "misuse" })
      expect(() => asks.stream("n", null, { input: input as never })).toThrow(
        expect.objectContaining({ code: "misuse" }),
      )
    }
    const untouched = new ReadableStream()
    expect(await outcomeOf(asks.request("n", 1n, { input: untouched }))).toBe("payload-unsupported")
    expect(untouched.locked).toBe(false)
  })
})

describe.each(["websocket", "sse", "long-poll", "short-poll"] as const)("an input over %s", (transport) => {
  it("brings 500 items once and in order through ten cuts, up and down", { timeout: 60_000 }, async () => {
    const got: { up: unknown[]; down: unknown[] } = { up: [], down: [] }
    const { hub, channel, peer, runtime, network } = await createDuo({ transports: [transport] })
    hub.handle("up", async (_data, _peer, { input }) => (await gather(input, got.up)).length)
    channel.handle("down", async (_data, _channel, { input }) => (await gather(input, got.down)).length)
    const sources = [counting(500), counting(500)] as const
    const answers = Promise.all([
      channel.request("up", null, { input: sources[0].items(), timeoutMs: 600_000 }),
      peer.request("down", null, { input: sources[1].items(), timeoutMs: 600_000 }),
    ])
    for (let cut = 0; cut < 10; cut++) {
      await runtime.passUntil(() => got.up.length >= 50 * cut, 60_000)
      network.cut()
      await runtime.pass(37)
    }
    await runtime.pass(120_000)
    expect(await answers).toEqual([500, 500])
    expect([got.up, got.down]).toEqual([upTo(500), upTo(500)])
    for (const source of sources) expect(source).toMatchObject({ pulled: 500, finished: 1 })
  })

  it("is cancelled through a cut by either side: its finally runs, and nothing follows", async () => {
    for (const side of ["asker", "handler"]) {
      const { hub, channel, runtime, network } = await createDuo({ transports: [transport] })
      const got: unknown[] = []
      let leave = (): void => {}
      const left = new Promise<void>((resolve) => {
        leave = resolve
      })
      hub.handle("up", async (_data, _peer, { input }) => {
        for (let n = 0; n < 30; n++) got.push((await input.next()).value)
        await left
        await input.return()
        await new Promise(() => {})
      })
      const watched = counting()
      const abort = new AbortController()
      const asking = outcomeOf(
        channel.request("up", null, { input: watched.items(), signal: abort.signal, timeoutMs: 600_000 }),
      )
      await runtime.passUntil(() => got.length === 30, 60_000)
      network.cut()
      if (side === "asker") abort.abort()
      else leave()
      await runtime.pass(20_000)
      const { pulled } = watched
      expect([got, watched.finished]).toEqual([upTo(30), 1])
      await runtime.pass(5_000)
      expect([got.length, watched.pulled]).toEqual([30, pulled])
      abort.abort()
      expect(await asking).toBe("request-aborted")
    }
  })
})
