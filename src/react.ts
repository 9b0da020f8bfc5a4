/**
 * `everwire/react`: one channel for the components of a React application, as hooks.
 *
 * @module
 */
export type { Asking, AskOptions, AskState, Calling, StreamListOptions } from "./bindings/asking.ts"
export { useCall, useChannel, useLatest, useMessages, useRequest, useStatus, useStream } from "./bindings/react.ts"
export { type ChannelState, type SharedChannel, type ShareOptions, shareChannel } from "./bindings/shared-channel.ts"
export type { ListOptions } from "./bindings/source.ts"
