/**
 * `everwire/bun`: the hub on `Bun.serve`, with WebSocket.
 *
 * @module
 */

export type { BunServer, BunSocket, BunWebSocketHandler } from "./runtimes/fetch/bun-door.ts"
export { type BunHub, createHub } from "./runtimes/fetch/bun-hub.ts"
export type { WebHubOptions, WebTransportName } from "./server/create-hub.ts"
export * from "./server/exports.ts"
