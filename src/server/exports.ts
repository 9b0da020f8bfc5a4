/*
 * What `everwire/server` and `everwire/node` both export: everything of a hub but how it is made.
 */

export type { AnyContract, Contract } from "../messaging/contract.ts"
export type { Stage } from "../messaging/dispatch-host.ts"
export { RequestFailure } from "../messaging/failure.ts"
export type { RequestContext } from "../messaging/handlers.ts"
export type { MessagesOptions } from "../messaging/message-loop.ts"
export type { RequestOptions, StreamOptions } from "../messaging/request-options.ts"
export type { SendOptions } from "../messaging/send-options.ts"
export type { SubscribeOptions, Unsubscribe } from "../messaging/subscription.ts"
export type { Dropped, DropReason } from "../session/delivery/delivery.ts"
export type { Runtime } from "../session/runtime.ts"
export { longPollAcceptor } from "../transports/long-poll/acceptor.ts"
export { shortPollAcceptor } from "../transports/short-poll/acceptor.ts"
export { sseAcceptor } from "../transports/sse/acceptor.ts"
export type {
  Acceptor,
  Alarm,
  Batch,
  Clockwork,
  Door,
  Elsewhere,
  HttpExchange,
  HttpStream,
  Link,
  LinkOrigin,
  LinkSink,
  OpenAcceptor,
  ServerSocket,
  Slot,
  SocketSink,
} from "../transports/transport.ts"
export { websocketAcceptor } from "../transports/websocket/acceptor.ts"
export { type Codec, json } from "../wire/codec.ts"
export { type Closing, type Code, EverwireError, explanations } from "../wire/errors.ts"
export type { AuthReason } from "../wire/handshake.ts"
export type { ClusterStats } from "./across.ts"
export type { Authenticate, Credentials } from "./admission/authenticate.ts"
export type { Refusal } from "./admission/refusals.ts"
export type { TrustProxy } from "./admission/trust-proxy.ts"
export type { Cluster } from "./cluster.ts"
export type { Tally } from "./counts.ts"
export { Hub } from "./hub.ts"
export type {
  AuthRefreshed,
  ClusterConnection,
  HubClosed,
  HubClosing,
  HubEvent,
  HubObserver,
  LinkAttached,
  LinkLost,
  MessageDropped,
  PeerEvent,
  Refused,
  RequestEvent,
  RequestHandled,
  SessionBegan,
  SessionEnded,
} from "./observer.ts"
export type { HubOptions } from "./options.ts"
export type { Peer, PeerClosing, Principal } from "./peer.ts"
export type { Permit, PermitJoin, PermitJoinQuestion, PermitQuestion } from "./permission.ts"
export type { HubErrorContext, PeerBeginning } from "./reports.ts"
export type { Audience } from "./rooms/audience.ts"
export type { DisconnectOptions, Who } from "./rooms/selection.ts"
export type { Limits } from "./sessions/registry.ts"
export type { HubStats } from "./stats.ts"
