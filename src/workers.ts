/**
 * `everwire/workers`: the hub in a Durable Object of Cloudflare's workers, with WebSocket.
 *
 * @module
 */

export { createHub, type DurableObjectContext, type WorkersHub } from "./runtimes/fetch/workers-hub.ts"
export type { WebHubOptions, WebTransportName } from "./server/create-hub.ts"
export * from "./server/exports.ts"
