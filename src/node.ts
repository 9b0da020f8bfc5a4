/**
 * `everwire/node`: the hub on Node, with WebSocket.
 *
 * @module
 */

export { createHub, type NodeHub, type NodeHubOptions, type NodeTransportName } from "./runtimes/node/hub.ts"
export * from "./server/exports.ts"
