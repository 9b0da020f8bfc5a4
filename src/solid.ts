/**
 * `everwire/solid`: one channel for the components of a Solid application, as primitives.
 *
 * @module
 */
export type { Asking, AskOptions, AskState, Calling, StreamListOptions } from "./bindings/asking.ts"
export { type ChannelState, type SharedChannel, type ShareOptions, shareChannel } from "./bindings/shared-channel.ts"
export {
  type MaybeAccessor,
  useCall,
  useChannel,
  useLatest,
  useMessages,
  useRequest,
  useStatus,
  useStream,
} from "./bindings/solid.ts"
export type { ListOptions } from "./bindings/source.ts"
