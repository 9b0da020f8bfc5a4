// The same as client.ts, for the hub on Node.

import { createServer } from "node:http"
import type { Channel } from "everwire"
import { channelDiagnostics, hubDiagnostics } from "everwire/diagnostics"
import { createHub, type Hub, type HubObserver, type NodeHub, type Peer } from "everwire/node"
import type { Chat } from "./client.js"

interface User {
  readonly id: string
  readonly name: string
}

export function mustCompile(): readonly unknown[] {
  const hub: NodeHub<Chat, User> = createHub<Chat, User>({
    authenticate: async ({ auth }) => (auth === "x" ? { id: "1", name: "ann" } : null),
    transports: undefined,
  })
  const detach: () => void = hub.attach(createServer())
  hub.on("chat", ({ text }, { principal }) => principal.name + text)
  const inferred = createHub({ authenticate: () => ({ id: "1", name: "ann" }) })
  inferred.onPeer((peer) => peer.principal.name)
  const any: readonly [Hub, NodeHub, Hub<Chat>, Peer | undefined] = [hub, inferred, hub, hub.peers.get("x")]
  const observer: HubObserver = { sessionEnded: ({ code, lastedMs }) => `${code} ${lastedMs}`, linkLost: undefined }
  const watch = (channel: Channel<Chat>): (() => void) => channelDiagnostics(channel)
  const observed = [
    createHub({ observer }),
    createHub({ observer: hubDiagnostics }),
    createHub({ observer: null }),
    watch,
  ]
  return [detach, any, hub.close({ drainMs: undefined }), observed]
}

export function mustNotCompile(): void {
  // @ts-expect-error no such transport
  createHub({ transports: ["websockets"] })
  // @ts-expect-error an observer hears no such event
  createHub({ observer: { sessionEnds: () => {} } })
  // @ts-expect-error a hub has no such option
  createHub({ cors: true })
  // @ts-expect-error nobody said that it has a name
  createHub<Chat>().onPeer((peer) => peer.principal.name)
}
