import type { Clockwork } from "../session/clockwork.ts"
import type { Delivery } from "../session/delivery/delivery.ts"
import type { Link, LinkSink } from "../session/link.ts"
import type { Runtime } from "../session/runtime.ts"
import type { SessionSnapshot } from "../session/snapshot.ts"
import type { Elsewhere, HttpExchange } from "../transports/transport.ts"
import type { Packet } from "../wire/batch.ts"
import type { Closing } from "../wire/errors.ts"
import type { Hello } from "../wire/handshake.ts"
import type { PeerDescription, Principal } from "./peer.ts"

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

/** A session that goes on in another process: plain data, as far as `principal` and `data` are. */
export interface MovedSession extends SessionFacts {
  readonly id: string
  readonly key: string
  /** `peer.id`. */
  readonly peer: string
  /** Name of its codec. Undefined: JSON. */
  readonly codec?: string | undefined
  /** The features that both ends have. */
  readonly features?: readonly string[] | undefined
  readonly address: string
  /** How long it has lasted, in milliseconds. */
  readonly ageMs: number
  /** The hubs that had it, the last one last. */
  readonly formers: readonly string[]
  /** What it keeps, in bytes. */
  readonly bytes: number
  readonly snapshot: SessionSnapshot
}

/** What may change of a session beside its packets. */
export interface SessionFacts {
  readonly principal: Principal
  /** `peer.data`. */
  readonly data: unknown
  readonly rooms: readonly string[]
  /** The highest turn of its links. */
  readonly turn: number
  /** The channel that used the session's key last. */
  readonly holder?: string | undefined
  /** Whether a link has reached the channel. */
  readonly isMet: boolean
  /** The id of the last request to the channel. */
  readonly lastId: number
  /** Ids of the channel's requests that are being answered, in a session that was not handed over but taken from a journal. */
  readonly open?: readonly string[] | undefined
}

/** What has become of a session since it was described, although it stood still: what its application has done to the peer. */
export interface LastWords {
  readonly rooms: readonly string[]
  readonly data: unknown
  /** Undefined if nothing was said. */
  readonly snapshot?: SessionSnapshot | undefined
}

/** A session that another process hands over to this one. One of `begin` and `drop` is called, once. */
export interface TakenOver {
  /** What it is when it stands still. Resolves when what is sent to its rooms is heard here. */
  hold(moved: MovedSession): Promise<unknown>
  /** The session is this hub's from now on. `last`: undefined if the former owner could not tell. */
  begin(last: LastWords | undefined): void
  drop(): void
}

/** A session that another process is to have. One of `moved` and `stays` is called, once. */
export interface Moving {
  readonly id: string
  /** Whether it has ended meanwhile. */
  readonly isOver: boolean
  /** Before `freeze` without what the channel has not acknowledged. */
  describe(): MovedSession
  /** Undefined unless the hub is durable. */
  readonly journalled: Journalled | undefined
  /** From now on it stands still. */
  freeze(): void
  /** What has become of it since `describe`. */
  lastWords(): LastWords
  /** Another process has it. */
  moved(): void
  /** No other process takes it. */
  stays(): void
}

/** What has become of a session since its journal was written last. */
export interface SessionChange {
  readonly id: string
  /** What is different now. */
  readonly facts: Partial<SessionFacts>
  /** Number of the last packet that was heard. */
  readonly heard: number
  /** Number of the last packet that the channel has acknowledged. */
  readonly acked: number
  /** The number of the first of `packets`. */
  readonly first: number
  /** The packets that are new in the outbox. */
  readonly packets: readonly Packet[]
  /** When those of them may be dropped that may be, by number. */
  readonly deliveries: readonly (readonly [number: number, delivery: Delivery])[]
  /** What waits in front of the outbox since then, and what does not any more, by a number that the session gives. */
  readonly waits: readonly (readonly [place: number, packet: Packet, delivery: Delivery | undefined])[]
  readonly left: readonly number[]
}

/** A session that is kept in the store. */
export interface Journalled {
  readonly id: string
  /** All of it: then `changes` are those since this call. Undefined if it has ended. */
  whole(): MovedSession | undefined
  /** What is new since the last call of this or of `whole`. Undefined if it has ended. */
  changes(): SessionChange | undefined
  /** The store has all that the last call of `whole` or `changes` returned: what waited for that may go. */
  kept(): void
  /** The store does not answer, so nothing can be promised: the channel is told, and may come back when it answers. */
  stalled(why: Closing): void
  /** Another process has it. */
  lost(): void
  /** It cannot be kept in the store. */
  refused(why: Closing): void
}

/** The part of a cluster that keeps sessions in the store, for another process to go on with after a crash. */
export interface ClusterJournal {
  /** Why nothing can be promised now: the store did not answer in time. */
  readonly refusal: Closing | undefined
  /** Something has changed, or the session has begun. What it waits with goes when `kept` is called. */
  changed(session: Journalled): void
  /** The session has ended. */
  ended(session: Journalled): void
  /** Resolves when what is known of the session now is in the store. Rejects if it could not be brought there. */
  flush(session: Journalled): Promise<void>
  /** Resolves when all is in the store, or cannot be brought there in time. What is in it then waits for other processes. */
  close(): Promise<void>
}

/** The part of a cluster that hands sessions over. */
export interface ClusterMoves {
  /** This hub drains: it takes no session any more, and the others ask the store where its sessions are. */
  leaving(): void
  /** Whether there is another process that stays. */
  readonly hasTaker: boolean
  /** Whether another process may be about to hand a session to this one. */
  readonly isExpecting: boolean
  move(moving: Moving): void
  /** Resolves when the other processes go on with what was handed to them, or do not say so for too long. */
  settled(): Promise<void>
}

/** Peers of all processes. `principal` or `peer` names those of a principal, or one, by its id. */
export interface Selection {
  /** The rooms of which the peers are in one at least. */
  readonly rooms?: readonly string[] | undefined
  /** Rooms whose members are left out. */
  readonly except: readonly string[]
  readonly principal?: string | undefined
  readonly peer?: string | undefined
}

/** What a hub can do to peers for another process. */
export type Task =
  | { readonly what: "describe" }
  | { readonly what: "join" | "leave"; readonly room: string }
  | { readonly what: "disconnect"; readonly reason: string; readonly mayReturn: boolean }

/** What became of a task in one process. */
export interface TaskResult {
  /** How many peers it concerned. */
  readonly count: number
  /** Of `describe`. */
  readonly peers?: readonly PeerDescription[] | undefined
}

/** A message as each codec encodes it, with the codec's name. */
export type Copies = readonly (readonly [codec: string, packet: Packet])[]

/** A message to peers of several processes. */
export interface Broadcast {
  /** The rooms of which the peers are in one at least. Undefined: all peers. */
  readonly rooms: readonly string[] | undefined
  /** Rooms whose members are left out. */
  readonly except: readonly string[]
  readonly delivery: Delivery | undefined
  readonly packets: Copies
}

/** What a hub does for other processes. */
export interface PeersHost {
  /** Sends a message of another process to the peers of this one. `had`: the sessions that have it. Returns to how many. */
  deliver(broadcast: Broadcast, had: readonly string[]): number
  /** Sends a message to the peer of this session, if it is one of those that are meant. */
  deliverTo(session: string, broadcast: Broadcast): void
  perform(selection: Selection, task: Task): TaskResult
}

/** What the rooms of a hub, and what is sent to its peers, have to do with other processes. */
export interface ClusterPeers {
  /** Sends it to the peers of the other processes. Returns to how many about, for limits on what one peer may cause. */
  send(broadcast: Broadcast): number
  /** A room has its first member in this process. */
  occupied(room: string): void
  /** A room has lost its last member in this process. */
  vacated(room: string): void
  /** The room may have a member in a moment. Resolves when what other processes send to it from now on is heard here. */
  expect(room: string): Promise<void>
  /** Resolves when what other processes send to the room from now on is heard here; at once if nobody is in it. */
  ready(room: string): Promise<void>
  /**
   * Has the other processes do it, and resolves with what each answers.
   *
   * @throws EverwireError (as a rejection) `backplane-unavailable` if one does not answer in time, or cannot be asked
   */
  ask(selection: Selection, task: Task): Promise<readonly TaskResult[]>
  readonly stats: ClusterStats
}

/** What has crossed between this process and the others. The counts never fall. */
export interface ClusterStats {
  /** Messages to several peers that were published for other processes. */
  readonly published: number
  /** Those that were dropped because more waited for the store than may wait. The peers of this process got them. */
  readonly unpublished: number
  /** Messages to several peers that came from other processes. */
  readonly heard: number
  /** What came from other processes and could not be read: of another version, for example. */
  readonly ignored: number
  /** How often the connection to the other processes was lost. What they sent meanwhile may be missing. */
  readonly lost: number
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
