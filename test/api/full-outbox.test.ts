import type { Channel } from "everwire"
import { createDuo } from "everwire/testing"
import { expect, it } from "vitest"

interface Numbers {
  up: { filler: string }
  requests: { count(to: number): AsyncIterable<number>; sum(data: undefined, input: AsyncIterable<number>): number }
}

/** Sends until the channel has no room for more. */
function fill(channel: Channel<Numbers>): void {
  for (;;) {
    try {
      channel.send("filler", "x")
    } catch {
      return
    }
  }
}

it("a stream goes on after its credit found no room in the outbox", async () => {
  const { channel, runtime } = await createDuo<Numbers>({
    serve: (hub) => {
      hub.on("filler", () => {})
      hub.handle("count", async function* (to) {
        for (let n = 0; n < to; n++) yield n
      })
    },
    channel: { maxOutboxBytes: 1_000 },
  })
  const loop = channel.stream("count", 40)
  await runtime.pass(100)
  fill(channel)
  const taken: number[] = []
  // All that has come is taken while no time passes, so there is no room for any of the credit.
  for (let n = 0; n < 16; n++) taken.push((await loop.next()).value as number)
  const rest = (async () => {
    for await (const item of loop) taken.push(item)
  })()
  await runtime.pass(5_000)
  await rest
  expect(taken).toEqual(Array.from({ length: 40 }, (_, n) => n))
})
