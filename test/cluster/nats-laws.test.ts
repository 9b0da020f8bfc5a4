import { afterAll, beforeAll, describe } from "vitest"
import { keepsTheLaws } from "./rigs/keeps-the-laws.ts"
import { natsSubject } from "./rigs/nats.ts"
import { has, miss, type StoreServer, startServer } from "./rigs/servers.ts"

miss("nats-server")
describe.skipIf(!has("nats-server"))("with nats-server", () => {
  let server: StoreServer | undefined
  const running = (): StoreServer => {
    if (server === undefined) throw new Error("no server")
    return server
  }

  beforeAll(async () => {
    server = await startServer("nats-server")
  })
  afterAll(() => server?.close())

  keepsTheLaws(natsSubject(running))
})
