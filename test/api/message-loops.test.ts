// Messages that wait for a slow reader: how many may wait, and what happens to one more.

import type { MessagesOptions } from "everwire"
import { createDuo, type Duo } from "everwire/testing"
import { describe, expect, it } from "vitest"

/** Loops over the messages "n" that one seat hears, and what sends them to it. */
const seats = {
  channel: ({ channel, peer }: Duo, options?: MessagesOptions) => ({
    loop: channel.messages("n", options),
    send: (n: number) => peer.send("n", n),
  }),
  peer: ({ channel, peer }: Duo, options?: MessagesOptions) => ({
    loop: peer.messages("n", options),
    send: (n: number) => channel.send("n", n),
  }),
}

async function gather(loop: AsyncIterable<unknown>): Promise<unknown[]> {
  const got: unknown[] = []
  for await (const data of loop) got.push(data)
  return got
}

const upTo = (count: number, from = 0): number[] => Array.from({ length: count }, (_, n) => from + n)

describe.each(Object.entries(seats))("messages() of a %s", (_, loopOf) => {
  it("keeps 10 000 messages, gives them, and then throws buffer-full because one more came", async () => {
    const duo = await createDuo()
    const { loop, send } = loopOf(duo)
    for (const n of upTo(10_002)) send(n)
    await duo.runtime.pass(30_000)
    const got: unknown[] = []
    const reading = (async () => {
      for await (const data of loop) got.push(data)
    })()
    await expect(reading).rejects.toMatchObject({ code: "buffer-full" })
    expect(got).toEqual(upTo(10_000))
    expect(await loop.next()).toEqual({ done: true, value: undefined })
  })

  it.each([
    { overflow: "error", got: [0, 1, 2], code: "buffer-full" },
    { overflow: "drop-oldest", got: [7, 8, 9], code: undefined },
    { overflow: "drop-newest", got: [0, 1, 2], code: undefined },
  ] as const)("with room for 3 and $overflow gives $got of ten", async ({ overflow, got, code }) => {
    const duo = await createDuo()
    const { loop, send } = loopOf(duo, { maxWaiting: 3, overflow })
    for (const n of upTo(10)) send(n)
    await duo.runtime.pass(1_000)
    expect([await loop.next(), await loop.next(), await loop.next()].map(({ value }) => value)).toEqual(got)
    send(10)
    await duo.runtime.pass(1_000)
    if (code === undefined) expect(await loop.next()).toEqual({ done: false, value: 10 })
    else await expect(loop.next()).rejects.toMatchObject({ code })
  })

  it("keeps all with room without an end, and none is dropped while the loop keeps up", async () => {
    const duo = await createDuo()
    const all = loopOf(duo, { maxWaiting: Number.POSITIVE_INFINITY })
    const few = loopOf(duo, { maxWaiting: 1 })
    const quick = gather(few.loop)
    for (const n of upTo(20_000)) all.send(n)
    await duo.runtime.pass(30_000)
    duo.peer.close()
    await duo.runtime.pass(5_000)
    expect(await gather(all.loop)).toEqual(upTo(20_000))
    await quick.catch(() => {}) // many messages of one batch may come in one turn: then one place is too few
  })

  it("ends its subscription when it overflows: what comes later is not kept", async () => {
    const duo = await createDuo()
    const { loop, send } = loopOf(duo, { maxWaiting: 1 })
    send(0)
    send(1)
    await duo.runtime.pass(1_000)
    expect(await loop.next()).toEqual({ done: false, value: 0 })
    send(2)
    await duo.runtime.pass(1_000)
    await expect(loop.next()).rejects.toMatchObject({
      code: "buffer-full",
      message: "the loop left 1 messages waiting",
    })
  })

  it.each([
    { maxWaiting: 0 },
    { maxWaiting: -1 },
    { maxWaiting: Number.NaN },
    { maxWaiting: "many" },
    { overflow: "drop" },
    { overflow: 3 },
    { most: 3 },
  ])("refuses the options %o as misuse", async (options) => {
    const duo = await createDuo()
    expect(() => loopOf(duo, options as never)).toThrow(expect.objectContaining({ code: "misuse" }))
  })

  it("takes null for an option, and for all of them, as none", async () => {
    const duo = await createDuo()
    const { loop, send } = loopOf(duo, { maxWaiting: null, overflow: null } as never)
    const other = loopOf(duo, null as never)
    send(1)
    await duo.runtime.pass(1_000)
    expect((await loop.next()).value).toBe(1)
    expect((await other.loop.next()).value).toBe(1)
  })
})

it("messages() of a peer ends when the peer closes", async () => {
  const { peer, channel, runtime } = await createDuo()
  const reading = gather(peer.messages("n"))
  channel.send("n", 1)
  await runtime.pass(1_000)
  peer.close()
  expect(await reading).toEqual([1])
  expect(await gather(peer.messages("n"))).toEqual([])
})
