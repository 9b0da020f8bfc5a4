import type { Delivery } from "../session/delivery/delivery.ts"
import type { Packet } from "../wire/batch.ts"
import type { PeerDescription } from "./peer.ts"

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
