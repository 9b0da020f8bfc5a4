import { setTimeout as pause } from "node:timers/promises"
import { createAdapter as createClusterAdapter } from "@socket.io/cluster-adapter"
import { createAdapter as createRedisAdapter } from "@socket.io/redis-adapter"
import { createAdapter as createStreamsAdapter } from "@socket.io/redis-streams-adapter"
import { createClient } from "redis"
import { openWire as openRaw, serve as serveAlone } from "../../peers/socket.io.mjs"

export const openWire = (options) => openRaw({ ...options, transport: "websocket" })

const adapters = {
  redis: async (client) => createRedisAdapter(client, await client.duplicate().connect()),
  streams: async (client) => createStreamsAdapter(client),
}

/** With the adapters' own defaults. */
async function adapterOf({ store, storePort, adapter }) {
  if (store === "processes") return createClusterAdapter()
  if (store === undefined) return undefined
  const client = await createClient({ url: `redis://127.0.0.1:${storePort}` }).connect()
  return adapters[adapter](client)
}

export async function serve({ server, application, ...given }) {
  const adapter = await adapterOf(given)
  const served = serveAlone({ server, application, transport: "websocket", more: adapter && { adapter } })
  return {
    ...served,
    /** Adapters tell nobody when they have heard of each other. */
    ready: () => pause(2_000),
  }
}
