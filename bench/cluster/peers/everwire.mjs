import { connect } from "@nats-io/transport-node"
import { createClient } from "redis"
import { cluster, processes } from "../../../dist/cluster.js"
import { nats } from "../../../dist/nats.js"
import { redis } from "../../../dist/redis.js"
import { serve as serveAlone } from "../../peers/everwire.mjs"

export { openWire } from "../../peers/everwire.mjs"

const backplanes = {
  processes: () => processes(),
  redis: (port) => redis({ client: createClient({ url: `redis://127.0.0.1:${port}` }) }),
  nats: async (port) => nats({ connection: await connect({ servers: `127.0.0.1:${port}`, maxReconnectAttempts: -1 }) }),
}

/** A backplane to the store of a case. */
export function backplaneOf(store, port) {
  return backplanes[store](port)
}

export async function serve({ server, application, store, storePort, isDurable }) {
  const joined = store !== undefined && { cluster: cluster(await backplaneOf(store, storePort)) }
  const served = serveAlone({ server, application, more: { ...joined, ...(isDurable && { durable: true }) } })
  return {
    ...served,
    // A question waits until this process knows the others.
    ready: async () => void (await served.hub.peersIn("nobody")),
  }
}
