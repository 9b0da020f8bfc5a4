import { nats } from "everwire/nats"
import { redis } from "everwire/redis"
import type { Backplane } from "everwire/testing"
import { describe, expect, it } from "vitest"
import { counter, eventually, isHeardAgain, rises, watch } from "./faults.ts"
import { connectTo } from "./rigs/nats.ts"
import { clients } from "./rigs/redis.ts"
import { has, miss, type StoreServer, startServer } from "./rigs/servers.ts"

const MiB = 2 ** 20
const options = { deadlineMs: 500, maxWaitingBytes: 4 * MiB }

interface Opened {
  readonly end: Backplane
  close(): Promise<void>
}

const stores = [
  ...(["redis", "ioredis"] as const).map((kind) => ({
    name: `Redis with the package ${kind}`,
    program: "redis-server" as const,
    open: async (port: number): Promise<Opened> => {
      const end = redis({ client: clients[kind](port), ...options })
      return { end, close: () => end.close() }
    },
  })),
  {
    name: "NATS",
    program: "nats-server" as const,
    open: async (port: number): Promise<Opened> => {
      const connection = await connectTo(port)
      const end = nats({ connection, ...options })
      return {
        end,
        close: async () => {
          await end.close()
          await connection.close()
        },
      }
    },
  },
]

miss("redis-server")
miss("nats-server")
describe.each(stores)("$name", ({ program, open }) => {
  async function pair(use: (server: StoreServer, one: Backplane, other: Backplane) => Promise<void>): Promise<void> {
    const server = await startServer(program)
    const opened = [await open(server.port), await open(server.port)] as const
    try {
      await use(server, opened[0].end, opened[1].end)
    } finally {
      server.resume()
      for (const { close } of opened) await close()
      await server.close()
    }
  }

  it.skipIf(!has(program))(
    "is killed and started again: nothing comes twice or in another order, and all goes on",
    () =>
      pair(async (server, one, other) => {
        const [here, there] = [await watch(one), await watch(other)]
        const next = counter(one)
        await isHeardAgain(next, there)
        for (let n = 0; n < 100; n++) next()
        await server.kill()
        await eventually("both told", () => here.told.length > 0 && there.told.length > 0)
        await expect(one.read("k")).rejects.toMatchObject({ code: "backplane-unavailable", retryable: true })
        for (let n = 0; n < 100; n++) next()
        await server.start()
        await eventually("both told again", () => here.told.at(-1) === true && there.told.at(-1) === true)
        await isHeardAgain(next, there)
        for (const watched of [here, there]) rises(watched)
        expect(await one.compareAndSet("k", undefined, "v", 60_000)).toBe("v")
        expect(await other.read("k")).toBe("v")
        expect([here.told, there.told]).toEqual([
          [false, true],
          [false, true],
        ])
      }),
  )

  it.skipIf(!has(program))("is stopped: calls reject at the deadline, what waits is bounded, and all goes on", () =>
    pair(async (server, one, other) => {
      const [here, there] = [await watch(one), await watch(other)]
      const next = counter(one)
      await isHeardAgain(next, there)
      server.pause()
      const askedAt = performance.now()
      await expect(one.read("k")).rejects.toMatchObject({ code: "backplane-unavailable" })
      expect(performance.now() - askedAt).toBeLessThan(5000)
      const before = process.memoryUsage().arrayBuffers
      for (let n = 0; n < 400; n++) next(MiB / 4) // 100 MiB
      const grown = process.memoryUsage().arrayBuffers - before
      // The garbage of what was dropped is there still: the bound is on what is kept.
      expect(here.told).toEqual([false])
      for (let n = 0; n < 50; n++) await new Promise((resolve) => setImmediate(resolve))
      expect(grown).toBeLessThan(300 * MiB)
      server.resume()
      await eventually("told again", () => here.told.at(-1) === true)
      await isHeardAgain(next, there)
      for (const watched of [here, there]) rises(watched)
    }),
  )
})
