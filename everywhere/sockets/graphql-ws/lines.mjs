import { createClient } from "graphql-ws"
import { useServer } from "graphql-ws/use/ws"

/** `sockets` is what createWebSocketServer(hub) returns, `WebSocket` what createWebSocketClass(channel) returns. */
export const serve = (sockets, schema) => useServer({ schema }, sockets)
export const connect = (WebSocket, url, options) => createClient({ url, webSocketImpl: WebSocket, ...options })
