/**
 * `everwire/crossws`: the hub with WebSocket for h3, Nitro, Nuxt and whatever else uses crossws.
 *
 * @module
 */

export type { CrosswsHooks, CrosswsMessage, CrosswsPeer, CrosswsUpgrade } from "./runtimes/fetch/crossws-door.ts"
export { type CrosswsHub, createHub } from "./runtimes/fetch/crossws-hub.ts"
export type { WebHubOptions, WebTransportName } from "./server/create-hub.ts"
export * from "./server/exports.ts"
