// What an asker sends along with a request, by a contract: as types, and as schemas by which each item is checked.

import type { EverwireError, RequestContext } from "everwire"
import { contract } from "everwire/contract"
import { createDuo } from "everwire/testing"
import { describe, expect, expectTypeOf, it } from "vitest"
import { z } from "zod"

const chunk = z.object({ at: z.number(), text: z.string() })
const files = contract({
  requests: {
    upload: { input: z.string(), inputItems: chunk, output: z.number() },
    echo: { inputItems: z.number(), items: z.number() },
    plain: { output: z.string() },
  },
  asks: { collect: { inputItems: z.object({ n: z.number() }), output: z.number() } },
})

async function* from<Item>(...items: Item[]): AsyncGenerator<Item, void, void> {
  for (const item of items) yield await Promise.resolve(item)
}

const gather = async <Item>(loop: AsyncIterable<Item>, into: Item[] = []): Promise<Item[]> => {
  for await (const item of loop) into.push(item)
  return into
}

const failureOf = (asking: Promise<unknown>): Promise<unknown> => asking.catch((error: EverwireError) => error)

describe("input items of a contract of types", () => {
  interface Files {
    requests: {
      upload(name: string, input: AsyncIterable<Uint8Array>): number
      plain(): string
    }
    asks: { collect(data: undefined, input: AsyncIterable<{ n: number }>): AsyncIterable<number> }
  }

  it("have the type of the second parameter, and are refused where there is none", async () => {
    const { hub, channel, peer, runtime } = await createDuo<Files>()
    hub.handle("upload", async (_name, _peer, { input }) => {
      expectTypeOf(input).toEqualTypeOf<AsyncGenerator<Uint8Array, void, void>>()
      return (await gather(input)).length
    })
    hub.handle("plain", (_data, _peer, request) => {
      expectTypeOf(request).toEqualTypeOf<RequestContext<never>>()
      return "plain"
    })
    channel.handle("collect", async function* (_data, _channel, { input }) {
      for await (const { n } of input) yield n + 1
    })
    const bytes = channel.request("upload", "name", { input: from(new Uint8Array(2)) })
    // @ts-expect-error the items are bytes
    const wrong = channel.request("upload", "name", { input: from("text") })
    // @ts-expect-error it takes no input
    const none = channel.request("plain", undefined, { input: from(1) })
    const items = gather(peer.stream("collect", undefined, { input: from({ n: 1 }, { n: 2 }) }))
    await runtime.pass(1_000)
    expect([await bytes, await wrong, await none, await items]).toEqual([1, 1, "plain", [2, 3]])
  })

  it("cross as they are, or the contract is refused", () => {
    // @ts-expect-error a Date would be changed
    type Dates = typeof createDuo<{ requests: { upload(name: string, input: AsyncIterable<Date>): number } }>
    // @ts-expect-error a second parameter is for items
    type Two = typeof createDuo<{ requests: { upload(name: string, other: string): number } }>
    expectTypeOf<[Dates, Two]>().not.toBeNever()
  })
})

describe("input items of a contract of schemas", () => {
  it("have the schema's types on both ends, and what it does not name does not reach the handler", async () => {
    const { hub, channel, runtime } = await createDuo({ hub: { contract: files }, channel: { contract: files } })
    const got: unknown[] = []
    hub.handle("upload", async (name, _peer, { input }) => {
      expectTypeOf(name).toEqualTypeOf<string>()
      expectTypeOf(input).toEqualTypeOf<AsyncGenerator<{ at: number; text: string }, void, void>>()
      return (await gather(input, got as { at: number; text: string }[])).length
    })
    hub.handle("echo", async function* (_data, _peer, { input }) {
      for await (const n of input) yield n + 1
    })
    const asking = channel.request("upload", "name", {
      input: from({ at: 1, text: "a", secret: 1 }, { at: 2, text: "b" }),
    })
    const echoes = gather(channel.stream("echo", undefined, { input: from(1, 2) }))
    // @ts-expect-error the items have a text
    void channel.request("upload", "name", { input: from({ at: 1 }) }).catch(() => {})
    await runtime.pass(1_000)
    expect([await asking, await echoes]).toEqual([2, [2, 3]])
    expect(got.slice(0, 2)).toEqual([
      { at: 1, text: "a" },
      { at: 2, text: "b" },
    ])
  })

  it("that do not fit end the request with payload-invalid, counted as refused, and the asker's source", async () => {
    const { hub, channel, runtime } = await createDuo({ hub: { contract: files } })
    const got: unknown[] = []
    const refused: unknown[] = []
    const errors: unknown[] = []
    hub.onRefused((refusal) => refused.push(refusal))
    hub.onError((error) => errors.push(error))
    hub.handle(
      "upload",
      async (_name, _peer, { input }) => (await gather(input, got as { at: number; text: string }[])).length,
    )
    let finished = 0
    async function* items() {
      try {
        yield await Promise.resolve({ at: 1, text: "a" })
        yield { at: "secret" as never, text: "b" }
        for (;;) yield { at: 3, text: "c" }
      } finally {
        finished++
      }
    }
    const asking = failureOf(channel.request("upload", "name", { input: items() }))
    await runtime.pass(1_000)
    expect(await asking).toMatchObject({
      code: "payload-invalid",
      message: 'the input of "upload" does not fit the contract at .at',
    })
    expect([got, finished, errors]).toEqual([[{ at: 1, text: "a" }], 1, []])
    expect(refused).toMatchObject([{ code: "payload-invalid", stage: "session" }])
  })

  it("that are not declared do not reach the handler either", async () => {
    const { hub, channel, runtime } = await createDuo({ hub: { contract: files } })
    hub.handle("plain", async (_data, _peer, { input }) => String((await gather(input)).length))
    const asking = failureOf(channel.request("plain", undefined, { input: from(1 as never) }))
    await runtime.pass(1_000)
    expect(await asking).toMatchObject({ code: "payload-invalid" })
  })

  it("that the hub sends are checked and made by the hub, and the channel's handler hears of one that does not fit", async () => {
    const { hub, channel, peer, runtime } = await createDuo({ hub: { contract: files } })
    const errors: unknown[] = []
    hub.onError((error) => errors.push(error))
    const got: unknown[] = []
    let thrown: unknown
    channel.handle("collect", async (_data, _channel, { input }) => {
      await gather(input, got as { n: number }[]).catch((error: unknown) => {
        thrown = error
      })
      return got.length
    })
    const asking = peer.request("collect", undefined, { input: from({ n: 1, secret: 2 }, { n: "two" as never }) })
    await runtime.pass(1_000)
    expect([await asking, got]).toEqual([1, [{ n: 1 }]])
    expect(thrown).toMatchObject({ code: "request-failed" })
    expect(errors).toMatchObject([{ code: "payload-invalid", message: expect.stringContaining("at .n") }])
    const misuse = failureOf(peer.request("collect", undefined, { input: 5 as never }))
    await runtime.pass(100)
    expect(await misuse).toMatchObject({ code: "misuse" })
  })

  it("are schemas, or misuse", () => {
    expect(() => contract({ requests: { bad: { inputItems: 5 as never } } })).toThrow(
      expect.objectContaining({ code: "misuse" }),
    )
  })
})
