/**
 * `everwire/server`: the hub for any runtime with the web's Request and Response.
 *
 * @module
 */

export { createHub, type WebHubOptions, type WebTransportName } from "./server/create-hub.ts"
export * from "./server/exports.ts"
