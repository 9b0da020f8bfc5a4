/**
 * `everwire`: the client with the four transports.
 *
 * @module
 */
import type { Channel } from "./client/channel.ts"
import { LiveChannel } from "./client/live-channel.ts"
import type { ChannelOptions } from "./client/options.ts"
import type { AnyContract, Contract } from "./messaging/contract.ts"
import type { ChannelContract, ContractOption } from "./messaging/schema-contract.ts"
import { longPoll } from "./transports/long-poll/dialer.ts"
import { shortPoll } from "./transports/short-poll/dialer.ts"
import { sse } from "./transports/sse/dialer.ts"
import type { Dialer } from "./transports/transport.ts"
import { websocket } from "./transports/websocket/dialer.ts"
import { EverwireError } from "./wire/errors.ts"

/** The transports that are known by name. */
export type TransportName = "websocket" | "sse" | "long-poll" | "short-poll"

/** The same, best first. */
const builtIn: readonly Dialer[] = [websocket, sse, longPoll, shortPoll]

/** Options of a channel. Every one has a default. */
export interface CreateChannelOptions extends ChannelOptions {
  /** The ladder, best first: names of built-in transports, or dialers. Default: WebSocket, SSE, long-poll, short-poll. */
  readonly transports?: readonly (TransportName | Dialer)[] | undefined
}

/**
 * Makes a channel to a hub. It connects by itself, falls back and climbs back by itself, and stays until `close`.
 *
 * @param url Where the hub is, like `https://host/everwire`; a URL without a path means `/everwire`.
 * @throws EverwireError `misuse` on a URL that is none, an unknown or a repeated transport.
 * @example
 * const channel = createChannel<Chat>("https://host/everwire")
 * channel.on("chat", ({ text }) => show(text))
 * channel.send("chat", { text: "hi" })
 */
export function createChannel<C extends Contract<C> = AnyContract>(
  url: string | URL,
  options: CreateChannelOptions & ContractOption<ChannelContract<C>> = {},
): Channel<C> {
  // What is no list is refused there.
  return new LiveChannel(url, options, (options.transports ?? builtIn).map?.(resolve) ?? [])
}

function resolve(transport: TransportName | Dialer): Dialer {
  if (typeof transport !== "string") return transport
  const dialer = builtIn.find(({ name }) => name === transport)
  if (!dialer) {
    const names = builtIn.map(({ name }) => name).join(", ")
    throw new EverwireError("misuse", `no transport is called "${transport}"; there are ${names}`)
  }
  return dialer
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
