/**
 * `everwire/deno`: the hub on `Deno.serve`, with WebSocket.
 *
 * @module
 */

export type { DenoInfo } from "./runtimes/fetch/deno-door.ts"
export { createHub, type DenoHub } from "./runtimes/fetch/deno-hub.ts"
export type { WebHubOptions, WebTransportName } from "./server/create-hub.ts"
export * from "./server/exports.ts"
