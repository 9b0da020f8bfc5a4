import { randomUUID } from "node:crypto"
import { connect } from "@nats-io/transport-node"
import { nats } from "everwire/nats"
import type { Backplane, BackplaneSubject } from "everwire/testing"
import { type Cuttable, inFrontOf } from "./cut.ts"
import { passUntil } from "./real-time.ts"
import type { StoreServer } from "./servers.ts"

export const connectTo = (port: number) =>
  connect({
    servers: `127.0.0.1:${port}`,
    maxReconnectAttempts: -1,
    reconnectTimeWait: 50,
    ignoreClusterUpdates: true,
  })

export function natsSubject(server: () => StoreServer): BackplaneSubject {
  return {
    name: "for NATS",
    cuts: true,
    setup: async () => {
      const prefix = `t${randomUUID().replaceAll("-", "")}`
      const ends = new Map<Backplane, { readonly line: Cuttable; close(): Promise<void> }>()
      return {
        open: async () => {
          const line = await inFrontOf(server().port)
          const connection = await connectTo(line.port)
          const end = nats({ connection, prefix })
          ends.set(end, {
            line,
            close: async () => {
              await end.close()
              await connection.close()
              await line.close()
            },
          })
          return end
        },
        cut: async (end) => ends.get(end)?.line.cut(),
        mend: async (end) => ends.get(end)?.line.mend(),
        passUntil,
        close: async () => {
          for (const end of ends.values()) await end.close()
        },
      }
    },
  }
}
