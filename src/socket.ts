/**
 * `everwire/socket`: a class with the interface of the HTML standard's `WebSocket`, whose sockets go over a channel. For
 * libraries that want such a class. The hub's half is `everwire/socket-server`.
 *
 * @module
 */
export { createWebSocketClass, type WebSocketClass } from "./socket/web-socket-class.ts"
