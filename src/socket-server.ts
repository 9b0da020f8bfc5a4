/**
 * `everwire/socket-server`: the sockets that channels open with `everwire/socket`, at the hub, with the interface of the `ws`
 * package. For libraries that serve on it.
 *
 * @module
 */
export type { HubSocket, HubSocketEvents, SendCallback, SocketData } from "./socket/hub-socket.ts"
export type { ListenerOptions, SocketEvent } from "./socket/listeners.ts"
export type { SocketRequest } from "./socket/socket-request.ts"
export {
  createWebSocketServer,
  type WebSocketServer,
  type WebSocketServerEvents,
  type WebSocketServerOptions,
} from "./socket/web-socket-server.ts"
