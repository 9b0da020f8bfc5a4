import { randomUUID } from "node:crypto"
import { type RedisOptions, redis } from "everwire/redis"
import type { Backplane, BackplaneSubject } from "everwire/testing"
import { Redis } from "ioredis"
import { createClient } from "redis"
import { type Cuttable, inFrontOf } from "./cut.ts"
import { passUntil } from "./real-time.ts"
import type { StoreServer } from "./servers.ts"

/** A client of each package that the backplane takes. */
export const clients = {
  redis: (port: number): RedisOptions["client"] =>
    createClient({
      socket: { host: "127.0.0.1", port, reconnectStrategy: (retries) => Math.min(20 * (retries + 1), 500) },
    }),
  ioredis: (port: number): RedisOptions["client"] => new Redis({ host: "127.0.0.1", port, lazyConnect: true }),
}

export function redisSubject(kind: keyof typeof clients, server: () => StoreServer): BackplaneSubject {
  return {
    name: `for Redis with the package ${kind}`,
    cuts: true,
    setup: async () => {
      const prefix = `${randomUUID()}:`
      const ends = new Map<Backplane, Cuttable>()
      return {
        open: async () => {
          const line = await inFrontOf(server().port)
          const end = redis({ client: clients[kind](line.port), prefix })
          ends.set(end, line)
          return end
        },
        cut: async (end) => ends.get(end)?.cut(),
        mend: async (end) => ends.get(end)?.mend(),
        passUntil,
        close: async () => {
          for (const [end, line] of ends) {
            await end.close()
            await line.close()
          }
        },
      }
    },
  }
}
