import { createTRPCClient, createWSClient, wsLink } from "@trpc/client"
import { applyWSSHandler } from "@trpc/server/adapters/ws"

export const serve = (sockets, router) => applyWSSHandler({ wss: sockets, router })
export function connect(WebSocket, url, options) {
  const client = createWSClient({ url, WebSocket, ...options })
  return { client, trpc: createTRPCClient({ links: [wsLink({ client })] }) }
}
