/**
 * `everwire/svelte`: one channel for the components of a Svelte application, as reactive values.
 *
 * @module
 */
export type { Asking, AskOptions, AskState, Calling, StreamListOptions } from "./bindings/asking.ts"
export { type ChannelState, type SharedChannel, type ShareOptions, shareChannel } from "./bindings/shared-channel.ts"
export type { ListOptions } from "./bindings/source.ts"
export {
  type Current,
  type MaybeGetter,
  useCall,
  useChannel,
  useLatest,
  useMessages,
  useRequest,
  useStatus,
  useStream,
} from "./bindings/svelte.ts"
