import type { Codec } from "everwire"
import { msgpack } from "everwire/msgpack"
import { json } from "everwire/server"
import { describe, expect, it } from "vitest"
import { forMs, startJourney } from "../support/journey.ts"

const codecs: readonly Codec[] = [msgpack(), json]
const MESSAGES = 150

/** Data of which each part shows whether it is the right one, in types that JSON does not have. */
function rich(n: number): unknown {
  return { n, at: new Date(n), big: BigInt(n) << 70n, map: new Map([[n, new Set([`é${n}`])]]), raw: new Uint8Array(n) }
}

describe.concurrent("what JSON cannot carry arrives once and in order through broken connections", () => {
  for (const transport of ["websocket", "sse", "long-poll", "short-poll"] as const) {
    it.concurrent(`over ${transport}`, async ({ onTestFinished }) => {
      const { hub, proxy, failures, dial } = await startJourney(onTestFinished, { codecs })
      const heard: { up: unknown[]; down: unknown[] } = { up: [], down: [] }
      hub.on("x", (data) => void heard.up.push(data))
      hub.handle("echo", (data) => data)
      hub.handle("count", async function* (data) {
        for (let n = 0; n < 50; n++) yield { n, data }
      })
      const channel = dial({ transports: [transport], codec: msgpack() })
      channel.on("x", (data) => void heard.down.push(data))
      await channel.opened
      const answers: Promise<unknown>[] = []
      const items: unknown[] = []
      const stream = (async () => {
        for await (const item of channel.stream("count", new Date(7))) items.push(item)
      })()
      for (let n = 0; n < MESSAGES; n++) {
        channel.send("x", rich(n))
        hub.send("x", rich(n))
        if (n % 50 === 20) proxy.reset()
        if (n % 50 === 40) proxy.loseAnswers()
        if (n % 30 === 0) answers.push(channel.request("echo", rich(n), { timeoutMs: 30_000 }))
        await forMs(10)
      }
      await channel.flush()
      await Promise.all([...hub.peers.values()].map((peer) => peer.flush()))
      await stream
      const all = Array.from({ length: MESSAGES }, (_, n) => rich(n))
      expect(heard).toEqual({ up: all, down: all })
      expect(await Promise.all(answers)).toEqual(all.filter((_, n) => n % 30 === 0))
      expect(items).toEqual(Array.from({ length: 50 }, (_, n) => ({ n, data: new Date(7) })))
      expect(failures).toEqual([])
    }, 60_000)
  }
})
