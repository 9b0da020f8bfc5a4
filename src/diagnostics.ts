/**
 * `everwire/diagnostics`: what happens in hubs and channels, on channels of `node:diagnostics_channel`.
 *
 * @module
 */

export {
  type ChannelEvent,
  type ChannelIncident,
  type ChannelReset,
  type ChannelStatus,
  channelDiagnostics,
} from "./observe/channel-diagnostics.ts"
export { hubDiagnostics, type RequestTrace } from "./observe/hub-diagnostics.ts"
export type { HubObserver } from "./server/observer.ts"
