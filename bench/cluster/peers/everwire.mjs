import { connect } from "@nats-io/transport-node"
import { createClient } from "redis"
import { cluster, processes } from "../../../dist/cluster.js"
import { nats } from "../../../dist/nats.js"
import { redis } from "../../../dist/redis.js"
import { serve as serveAlone } from "../../peers/everwire.mjs"

export { openWire } from "../../peers/everwire.mjs"

/** Long, because this machine may do other things. */
const deadlineMs = 30_000

const backplanes = {
  processes: () => processes({ deadlineMs }),
  redis: (port) => redis({ client: createClient({ url: `redis://127.0.0.1:${port}` }), deadlineMs }),
  async nats(port) {
    const connection = await connect({ servers: `127.0.0.1:${port}`, maxReconnectAttempts: -1 })
    return nats({ connection, deadlineMs })
  },
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
    ready: () => known(served.hub),
  }
}

/** A question waits until this process knows the others, but not for long. */
async function known(hub) {
  for (let left = 10; ; left--) {
    try {
      return void (await hub.peersIn("nobody"))
    } catch (error) {
      if (left === 0) throw error
    }
  }
}
