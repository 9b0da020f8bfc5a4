/**
 * `everwire/core`: the client with no transport built in. Import the dialers you want; the others cost nothing.
 *
 * @module
 */
import type { Channel } from "./client/channel.ts"
import { LiveChannel } from "./client/live-channel.ts"
import type { ChannelOptions } from "./client/options.ts"
import type { AnyContract, Contract } from "./messaging/contract.ts"
import type { ChannelContract, ContractOption } from "./messaging/schema-contract.ts"
import type { Dialer } from "./transports/transport.ts"

/** Options of a channel whose transports are given as objects. */
export interface CoreChannelOptions extends ChannelOptions {
  /** The ladder, best first. */
  readonly transports: readonly Dialer[]
}

/**
 * Makes a channel that dials with these transports alone.
 *
 * @throws EverwireError `misuse` on a URL that is none, or without transports.
 * @example createChannel("https://host/everwire", { transports: [websocket] })
 */
export function createChannel<C extends Contract<C> = AnyContract>(
  url: string | URL,
  options: CoreChannelOptions & ContractOption<ChannelContract<C>>,
): Channel<C> {
  return new LiveChannel(url, options, options.transports)
}

export { Channel } from "./client/channel.ts"
export type { Incident } from "./client/connect/incident.ts"
export type { Store } from "./client/connect/transport-health.ts"
export type { Explanation, RungReport } from "./client/explain.ts"
export type { ChannelOptions, Reset, Status, StatusDetail } from "./client/options.ts"
export type { ChannelStats } from "./client/stats.ts"
export type { AnyContract, Contract } from "./messaging/contract.ts"
export type { Stage } from "./messaging/dispatch-host.ts"
export { RequestFailure } from "./messaging/failure.ts"
export type { RequestContext } from "./messaging/handlers.ts"
export type { MessagesOptions } from "./messaging/message-loop.ts"
export type { RequestOptions, StreamOptions } from "./messaging/request-options.ts"
export type { SendOptions } from "./messaging/send-options.ts"
export type { SubscribeOptions, Unsubscribe } from "./messaging/subscription.ts"
export type { Dropped, DropReason } from "./session/delivery/delivery.ts"
export type { Runtime } from "./session/runtime.ts"
export { shareConnections } from "./transports/http/client/connections.ts"
export { longPoll } from "./transports/long-poll/dialer.ts"
export { shortPoll } from "./transports/short-poll/dialer.ts"
export { sse } from "./transports/sse/dialer.ts"
export type {
  Batch,
  ClientSocket,
  ClientStream,
  Connections,
  ConnectionsHost,
  Dialer,
  FetchAnswer,
  FetchInit,
  Link,
  LinkSink,
  Platform,
  Target,
} from "./transports/transport.ts"
export { websocket } from "./transports/websocket/dialer.ts"
export type { Codec } from "./wire/codec.ts"
export { type Closing, type Code, EverwireError, explanations } from "./wire/errors.ts"
export type { AuthReason } from "./wire/handshake.ts"
