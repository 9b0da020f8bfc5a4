import type { Clockwork } from "../session/clockwork.ts"
import type { Link, LinkSink } from "../session/link.ts"
import type { Runtime } from "../session/runtime.ts"
import type { Elsewhere, HttpExchange } from "../transports/transport.ts"
import type { Closing } from "../wire/errors.ts"
import type { Hello } from "../wire/handshake.ts"
import type { ClusterPeers, PeersHost } from "./across.ts"
import type { ClusterJournal, ClusterMoves, MovedSession, TakenOver } from "./moved-session.ts"
import type { Principal } from "./peer.ts"

/** Joins a hub with those of other processes. `everwire/cluster` makes it; a hub without one loads nothing of it. */
export interface Cluster {
  /** Tells it from other objects. */
  readonly isCluster: true
  /** @internal The hub calls this once, when it is created. A hub has a cluster of its own. */
  open(host: ClusterHost): OpenCluster
}

/** A hello that the hub of another process has judged, with what the owner of the session needs of its request. */
export interface Arrival {
  readonly hello: Hello
  readonly principal: Principal
  /** The transport's name. */
  readonly transport: string
  /** The client's IP address, if known. */
  readonly address: string | undefined
  /** Returns a header of the request. Of a link that reached another process, only a few headers are known. */
  header(name: string): string | undefined
}

/** What a hub gives to its cluster. */
export interface ClusterHost {
  readonly runtime: Runtime
  readonly clockwork: Clockwork
  /** The id of this hub, by which the other processes address it. */
  readonly hub: string
  /** Admits a link that ends at another process, which has judged its hello. */
  admit(link: Link, arrival: Arrival): LinkSink
  /** Answers an exchange that reached another process, which has checked its Origin. */
  exchange(exchange: HttpExchange): void
  /** Handles a bye without a link that reached another process. @throws EverwireError `protocol-error` */
  leave(bye: string): void
  /** How long the hub keeps a session without a link, in milliseconds. */
  readonly resumeMs: number
  /**
   * Makes room for a session that another process hands over.
   *
   * @throws EverwireError if this hub cannot have it
   */
  takeOver(moved: MovedSession): TakenOver
  /** Whether the sessions of the hub are kept in the store, so that another process can go on with them after a crash. */
  readonly isDurable: boolean
  /** Whether the hub has this session. */
  has(session: string): boolean
  /** Why this hub begins no session now. Undefined if it does. */
  closing(): Closing | undefined
  /** The connection to the other processes was made, or lost. */
  connected(isConnected: boolean): void
  /** What other processes want of the peers of this one. */
  readonly peers: PeersHost
  /** Receives faults. */
  failed(error: unknown): void
}

/**
 * Which hub a session belongs to: this one (undefined), or another. `disowned`: a hub that is gone. `refusal`: it cannot
 * be told now.
 */
export type Whereabouts =
  | undefined
  | { readonly owner: string }
  | { readonly disowned: string }
  | { readonly refusal: Closing }

/** Where a link passes its input when its session is at another process. */
export interface RelaySink extends LinkSink {
  readonly isBusy: boolean
  whenIdle(run: () => void): void
  /** Bytes that were passed on and that the owner has not processed. */
  readonly waitingBytes: number
}

/** The part of a cluster by which any process may answer. */
export interface ClusterLinks extends Elsewhere {
  /**
   * Where the session of a judged hello is. Asked only if the hub does not know the session itself. `isRelayed`: another
   * process takes this one for its owner.
   */
  find(hello: Hello, isRelayed: boolean): Whereabouts | PromiseLike<Whereabouts>
  /**
   * Has a link end at the owner of its session, and returns what takes its input from now on.
   *
   * @throws EverwireError `payload-unsupported` if the principal is not plain data
   */
  relay(owner: string, link: Link, arrival: Arrival): RelaySink
  /**
   * Whether the cluster is to be asked for a session that the hub does not know: another process has it now, or this one is to
   * have it in a moment. In a durable cluster that may be so of any.
   */
  isMoved(session: string): boolean
  /** Passes on a bye without a link. Returns false if the hub that it names is not another living one. */
  leave(leave: { readonly id: string; readonly hub: string | undefined }, bye: string): boolean
}

/** What a hub asks of its cluster. */
export interface OpenCluster {
  readonly links: ClusterLinks
  readonly peers: ClusterPeers
  readonly moves: ClusterMoves
  /** Undefined unless the hub is durable. */
  readonly journal: ClusterJournal | undefined
  /** The hub has closed. Ends all that is open to other processes, and tells them. */
  close(why: Closing): void
}
