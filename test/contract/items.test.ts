// Streams of a contract with schemas: each item is checked.

import { contract, type HubContractOf } from "everwire/contract"
import { createDuo } from "everwire/testing"
import { describe, expect, expectTypeOf, it } from "vitest"
import { z } from "zod"

const answers = contract({
  requests: {
    ask: { input: z.object({ prompt: z.string() }), items: z.object({ word: z.string() }) },
    plain: { output: z.string() },
  },
  asks: { count: { items: z.number() } },
})

async function gather(loop: AsyncIterable<unknown>, into: unknown[] = []): Promise<unknown[]> {
  for await (const item of loop) into.push(item)
  return into
}

const misuse = expect.objectContaining({ code: "misuse" }) as Error

describe("items of a contract", () => {
  it("have the schema's types on both ends", async () => {
    const { hub, channel } = await createDuo({ hub: { contract: answers }, channel: { contract: answers } })
    hub.handle("ask", async function* ({ prompt }) {
      expectTypeOf(prompt).toEqualTypeOf<string>()
      yield await Promise.resolve({ word: prompt })
    })
    const loop = channel.stream("ask", { prompt: "hi" })
    expectTypeOf(loop).toEqualTypeOf<AsyncGenerator<{ word: string }, void, void>>()
    expectTypeOf<HubContractOf<typeof answers>["requests"]["ask"]>().returns.toEqualTypeOf<
      AsyncIterable<{ word: string }>
    >()
    // @ts-expect-error it is answered with items
    const wrong = channel.request("ask", { prompt: "hi" })
    await expect(wrong).rejects.toThrow(misuse)
    // @ts-expect-error it has one answer
    void channel.stream("plain")
    await loop.return()
  })

  it("cross without the keys that the schema does not know", async () => {
    const { hub, channel, runtime } = await createDuo({ hub: { contract: answers } })
    hub.handle("ask", async function* ({ prompt }) {
      for (const word of prompt.split(" ")) yield await Promise.resolve({ word, secret: 1 })
    })
    const items = gather(channel.stream("ask", { prompt: "a b" }))
    await runtime.pass(500)
    expect(await items).toEqual([{ word: "a" }, { word: "b" }])
  })

  it("that do not fit end the stream: the asker learns nothing of it, the handler's side does", async () => {
    const { hub, channel, runtime } = await createDuo({ hub: { contract: answers } })
    const errors: unknown[] = []
    hub.onError((error) => errors.push(error))
    let finished = 0
    hub.handle("ask", async function* () {
      try {
        yield await Promise.resolve({ word: "fits" })
        yield { word: 5 as never }
      } finally {
        finished++
      }
    })
    const got: unknown[] = []
    const reading = gather(channel.stream("ask", { prompt: "" }), got)
    await runtime.pass(500)
    await expect(reading).rejects.toMatchObject({ code: "request-failed", message: "the handler failed" })
    expect(got).toEqual([{ word: "fits" }])
    expect(errors).toMatchObject([
      { code: "payload-invalid", message: 'the answer to "ask" does not fit the contract at .word' },
    ])
    expect(finished).toBe(1)
  })

  it("are not sent for an input that does not fit, or by a handler that gives no stream", async () => {
    const { hub, channel, runtime } = await createDuo({ hub: { contract: answers } })
    const errors: unknown[] = []
    hub.onError((error) => errors.push(error))
    hub.handle("ask", () => ({ word: "no stream" }) as never)
    const unfit = gather(channel.stream("ask", { prompt: 1 as never })).catch((error: unknown) => error)
    const noStream = gather(channel.stream("ask", { prompt: "" })).catch((error: unknown) => error)
    await runtime.pass(500)
    expect(await unfit).toMatchObject({ code: "payload-invalid" })
    expect(await noStream).toMatchObject({ code: "request-failed" })
    expect(errors).toMatchObject([{ code: "misuse", message: 'the answer to "ask" is no async iterable' }])
  })

  it("are checked by a channel that has the contract: one that does not fit ends the loop and the handler", async () => {
    const { hub, channel, runtime } = await createDuo({ channel: { contract: answers } })
    let finished = 0
    hub.handle("ask", async function* () {
      try {
        for (;;) yield await Promise.resolve({ word: 5 as never })
      } finally {
        finished++
      }
    })
    const reading = gather(channel.stream("ask", { prompt: "" })).catch((error: unknown) => error)
    await runtime.pass(1_000)
    expect(await reading).toMatchObject({
      code: "payload-invalid",
      message: 'an item of "ask" does not fit the contract at .word',
    })
    expect(finished).toBe(1)
    expect(() => channel.stream("ask", { prompt: 1 as never })).toThrow(
      expect.objectContaining({ code: "payload-invalid" }),
    )
    expect(() => channel.stream("other" as never)).toThrow(misuse)
  })

  it("come from the channel too, where the hub asks", async () => {
    const { channel, peer, runtime } = await createDuo({ hub: { contract: answers } })
    channel.handle("count", async function* () {
      for (let n = 0; n < 3; n++) yield await Promise.resolve(n < 2 ? n : ("two" as never))
    })
    const got: unknown[] = []
    const reading = gather(peer.stream("count"), got).catch((error: unknown) => error)
    await runtime.pass(500)
    expect(await reading).toMatchObject({
      code: "payload-invalid",
      message: 'an item of "count" does not fit the contract',
    })
    expect(got).toEqual([0, 1])
  })

  it("and an output in one request are misuse", () => {
    expect(() => contract({ requests: { both: { items: z.string(), output: z.string() } } })).toThrow(misuse)
    expect(() => contract({ requests: { bad: { items: 5 as never } } })).toThrow(misuse)
  })
})
