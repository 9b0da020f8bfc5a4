/**
 * `everwire/node`: the hub on Node, with WebSocket.
 *
 * @module
 */

export type { AnyContract, Contract } from "./messaging/contract.ts"
export type { Stage } from "./messaging/dispatch.ts"
export type { RequestContext } from "./messaging/handlers.ts"
export type { RequestOptions } from "./messaging/request-options.ts"
export type { SubscribeOptions, Unsubscribe } from "./messaging/subscription.ts"
export { createHub, type NodeHub, type NodeHubOptions, type NodeTransportName } from "./runtimes/node/hub.ts"
export type { Authenticate, Credentials } from "./server/admission/authenticate.ts"
export type { Refusal } from "./server/admission/refusals.ts"
export type { TrustProxy } from "./server/admission/trust-proxy.ts"
export { Hub } from "./server/hub.ts"
export type { HubOptions } from "./server/options.ts"
export type { Peer, PeerClosing, Principal } from "./server/peer.ts"
export type { HubErrorContext } from "./server/reports.ts"
export type { Audience } from "./server/rooms/audience.ts"
export type { Limits } from "./server/sessions/registry.ts"
export type { HubStats, Tally } from "./server/stats.ts"
export type { Runtime } from "./session/runtime.ts"
export { longPollAcceptor } from "./transports/long-poll/acceptor.ts"
export { shortPollAcceptor } from "./transports/short-poll/acceptor.ts"
export { sseAcceptor } from "./transports/sse/acceptor.ts"
export type {
  Acceptor,
  Alarm,
  Batch,
  Clockwork,
  Door,
  HttpExchange,
  HttpStream,
  Link,
  LinkOrigin,
  LinkSink,
  OpenAcceptor,
  ServerSocket,
  Slot,
  SocketSink,
} from "./transports/transport.ts"
export { websocketAcceptor } from "./transports/websocket/acceptor.ts"
export { type Closing, type Code, EverwireError, explanations } from "./wire/errors.ts"
