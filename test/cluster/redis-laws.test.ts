import { afterAll, beforeAll, describe } from "vitest"
import { keepsTheLaws } from "./rigs/keeps-the-laws.ts"
import { redisSubject } from "./rigs/redis.ts"
import { has, miss, type StoreServer, startServer } from "./rigs/servers.ts"

miss("redis-server")
describe.skipIf(!has("redis-server"))("with redis-server", () => {
  let server: StoreServer | undefined
  const running = (): StoreServer => {
    if (server === undefined) throw new Error("no server")
    return server
  }

  beforeAll(async () => {
    server = await startServer("redis-server")
  })
  afterAll(() => server?.close())

  keepsTheLaws(redisSubject("redis", running))
  keepsTheLaws(redisSubject("ioredis", running))
})
