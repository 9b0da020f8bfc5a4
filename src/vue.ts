/**
 * `everwire/vue`: one channel for the components of a Vue application, as composables.
 *
 * @module
 */
export type { Asking, AskOptions, AskState, Calling, StreamListOptions } from "./bindings/asking.ts"
export { type ChannelState, type SharedChannel, type ShareOptions, shareChannel } from "./bindings/shared-channel.ts"
export type { ListOptions } from "./bindings/source.ts"
export {
  type AskingRefs,
  type CallingRefs,
  type Refs,
  useCall,
  useChannel,
  useLatest,
  useMessages,
  useRequest,
  useStatus,
  useStream,
} from "./bindings/vue.ts"
