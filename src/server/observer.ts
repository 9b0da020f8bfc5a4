import type { DropReason } from "../session/delivery/delivery.ts"
import type { Code } from "../wire/errors.ts"
import type { Refusal } from "./admission/refusals.ts"

/** Every event of a hub names the hub, because a process may have several. */
export interface HubEvent {
  /** `hub.id`. */
  readonly hub: string
}

/** An event that concerns one peer. */
export interface PeerEvent extends HubEvent {
  /** `peer.id`. It is no secret. */
  readonly peer: string
}

/** A session has begun, before `onPeer` is called. */
export interface SessionBegan extends PeerEvent {
  /** The client's address as limits count it, `""` if unknown. See `peer.address`. */
  readonly address: string
}

/** A session has ended. */
export interface SessionEnded extends PeerEvent {
  /** The code that the peer's `onClose` gets. */
  readonly code: Code
  /** How long the session has lasted, in milliseconds. */
  readonly lastedMs: number
  /** Messages that were sent and never acknowledged. */
  readonly undelivered: number
  /** The transport of its last link. Undefined if it was without a link when it ended. */
  readonly transport: string | undefined
}

/** A link carries the session from now on. */
export interface LinkAttached extends PeerEvent {
  readonly transport: string
  /** The transport of the link that carried the session until now. Undefined if there was none. */
  readonly from: string | undefined
  /** Whether the session goes on after it was without a link. */
  readonly resumed: boolean
}

/** A session has lost its link, and waits for another. */
export interface LinkLost extends PeerEvent {
  readonly transport: string
  /** Why the link ended. */
  readonly code: Code
}

/** What `onRefused` hears. */
export interface Refused extends HubEvent, Refusal {}

/** A message to a peer was dropped because of its options. */
export interface MessageDropped extends PeerEvent {
  readonly reason: DropReason
}

/** A request of a channel. */
export interface RequestEvent extends PeerEvent {
  /** The name that it was sent with. */
  readonly name: string
}

/** The handler of a request has returned, rejected or thrown; if it answers with a stream, that has ended. */
export interface RequestHandled extends RequestEvent {
  /** How long that took, in milliseconds. */
  readonly durationMs: number
  /** The code that the channel was told, of everwire or of the application. Undefined if the handler did not fail. */
  readonly code: string | undefined
}

/** Fresh credentials were accepted on a link, before the principal expired. */
export interface AuthRefreshed extends PeerEvent {
  /** When the principal expires now, in milliseconds since the epoch. Undefined if it does not. */
  readonly expiresAt: number | undefined
}

/** `hub.close()` was called for the first time. */
export interface HubClosing extends HubEvent {
  /** How many sessions there are. */
  readonly sessions: number
  /** How long they may take to end, in milliseconds. */
  readonly drainMs: number
}

/** All sessions have ended. */
export interface HubClosed extends HubEvent {
  /** How long that took, in milliseconds. */
  readonly durationMs: number
}

/** The connection to the other processes of a cluster was made, or lost. */
export interface ClusterConnection extends HubEvent {
  /** Whether this process hears the others. What they send to rooms while it does not is missing here. */
  readonly connected: boolean
}

type Hears<Event> = ((event: Event) => unknown) | undefined

/**
 * Listens to what happens in a hub, for metrics and traces. Each function is optional, and is looked up when its event
 * occurs; an event that nobody listens to costs one look and no memory. Events are plain data without payloads or
 * secrets, and each is told at the end of the tick in which it occurred. What a function throws or rejects with goes to
 * `onError` (stage `listener`), and changes nothing else.
 *
 * @example createHub({ observer: { sessionEnded: ({ code, lastedMs }) => log(code, lastedMs) } })
 */
export interface HubObserver {
  readonly sessionBegan?: Hears<SessionBegan>
  readonly sessionEnded?: Hears<SessionEnded>
  readonly linkAttached?: Hears<LinkAttached>
  readonly linkLost?: Hears<LinkLost>
  readonly refused?: Hears<Refused>
  readonly messageDropped?: Hears<MessageDropped>
  readonly requestHandled?: Hears<RequestHandled>
  readonly authRefreshed?: Hears<AuthRefreshed>
  /** A principal has expired without fresh credentials, and its links were closed. */
  readonly authExpired?: Hears<PeerEvent>
  readonly clusterConnection?: Hears<ClusterConnection>
  readonly closing?: Hears<HubClosing>
  readonly closed?: Hears<HubClosed>
  /**
   * Runs the handler of a request by calling `handle`, for instance within a span or an `AsyncLocalStorage`. `handle`
   * throws what the handler throws; if the handler is asynchronous, it returns a promise without a value that is settled
   * when the handler is. If it is not called, the hub calls it. Unlike the other functions this one is called at once.
   */
  readonly aroundRequest?: ((event: RequestEvent, handle: () => Promise<void> | undefined) => unknown) | undefined
}

/** The names of the events that are only told. */
export type HubEventName = Exclude<keyof HubObserver, "aroundRequest">

/** The event of this name. */
export type EventOf<Name extends HubEventName> = Parameters<NonNullable<HubObserver[Name]>>[0]

/** The members of an observer. */
export const HUB_OBSERVER = {
  sessionBegan: "function",
  sessionEnded: "function",
  linkAttached: "function",
  linkLost: "function",
  refused: "function",
  messageDropped: "function",
  requestHandled: "function",
  authRefreshed: "function",
  authExpired: "function",
  clusterConnection: "function",
  closing: "function",
  closed: "function",
  aroundRequest: "function",
} satisfies Record<keyof HubObserver, string>
