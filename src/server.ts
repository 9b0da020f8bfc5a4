/**
 * `everwire/server`: the hub for any runtime with the web's Request and Response.
 *
 * @module
 */

export type { AnyContract, Contract } from "./kernel/contract.ts"
export type { RequestContext, RequestOptions, Stage, Unsubscribe } from "./kernel/dispatch.ts"
export { type Closing, type Code, EverwireError, explanations } from "./kernel/errors.ts"
export type { Runtime } from "./kernel/runtime.ts"
export type { Authenticate, Credentials } from "./server/admission.ts"
export { createHub, type WebHubOptions } from "./server/create-hub.ts"
export { type Audience, Hub, type HubErrorContext } from "./server/hub.ts"
export type { HubOptions } from "./server/options.ts"
export { Peer, type PeerClosing, type Principal } from "./server/peer.ts"
export type { Refusal } from "./server/refusals.ts"
export type { Limits } from "./server/registry.ts"
export type { HubStats, Tally } from "./server/stats.ts"
export type { TrustProxy } from "./server/trust-proxy.ts"
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
