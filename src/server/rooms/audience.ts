import type { AnyContract, Contract, DataOf, NameOf, Said } from "../../messaging/contract.ts"
import type { SendOptions } from "../../messaging/send-options.ts"
import type { ClusterPeers, Selection, Task } from "../across.ts"
import type { Peer, Principal } from "../peer.ts"
import { broadcast, isPeer, type Without } from "./broadcast.ts"
import { everywhere } from "./everywhere.ts"
import { checkRoom } from "./rooms.ts"
import { type DisconnectOptions, disconnectTask, roomTask } from "./selection.ts"
import { perform, type TaskHost } from "./tasks.ts"

/** Some peers of one process, chosen by room. */
export interface LocalAudience<C extends Contract<C> = AnyContract, P extends Principal = Principal, D = unknown> {
  /** Leaves out peers: a peer, or all peers in a room. */
  except(...who: readonly (Peer<C, P, D> | string)[]): LocalAudience<C, P, D>
  /** Sends a message to each peer once, as `hub.send` does to all. Options: see {@link SendOptions}. */
  send<N extends NameOf<C, "down">>(name: N, ...data: Said<DataOf<C, "down", N>>): void
  /** Puts the peers into another room, as far as `permitJoin` allows it. Returns how many of them are in it now. */
  join(room: string): number
  /** Takes the peers out of a room. Returns how many were in it. */
  leave(room: string): number
  /** Ends the sessions of the peers, as `hub.disconnect` does. Returns how many. */
  disconnect(options?: DisconnectOptions): number
}

/**
 * Some peers, chosen by room: with a `cluster` those of all processes. The promises reject with `backplane-unavailable` if
 * a process did not answer in 5 seconds. What was asked of this process and of those that answered is done even so.
 */
export interface Audience<C extends Contract<C> = AnyContract, P extends Principal = Principal, D = unknown> {
  /** Leaves out peers: a peer, or all peers in a room. */
  except(...who: readonly (Peer<C, P, D> | string)[]): Audience<C, P, D>
  /** Sends a message to each peer once, as `hub.send` does to all. Options: see {@link SendOptions}. */
  send<N extends NameOf<C, "down">>(name: N, ...data: Said<DataOf<C, "down", N>>): void
  /**
   * Puts the peers into another room, as far as `permitJoin` of their hub allows it. Resolves with how many of them are in
   * it now. From then on what any process sends to that room reaches them.
   */
  join(room: string): Promise<number>
  /** Takes the peers out of a room. Resolves with how many were in it. */
  leave(room: string): Promise<number>
  /** Ends the sessions of the peers, as `hub.disconnect` does. Resolves with how many. */
  disconnect(options?: DisconnectOptions): Promise<number>
}

/** The peers of this process that are in at least one of these rooms, except `without`. */
export class RoomsHere {
  readonly #host: TaskHost
  readonly #rooms: readonly string[]
  readonly #without: Without

  constructor(host: TaskHost, rooms: readonly string[], without: Without = NOBODY) {
    this.#host = host
    this.#rooms = rooms
    this.#without = without
  }

  except(...who: Without): RoomsHere {
    return new RoomsHere(this.#host, this.#rooms, [...this.#without, ...checkedWho(who)])
  }
  send(name: string, data?: unknown, options?: SendOptions): void {
    broadcast(this.#host, undefined, this.#rooms, this.#without, name, data, options)
  }
  join(room: string): number {
    return this.#perform(roomTask("join", room))
  }
  leave(room: string): number {
    return this.#perform(roomTask("leave", room))
  }
  disconnect(options?: DisconnectOptions): number {
    return this.#perform(disconnectTask(options))
  }

  #perform(task: Task): number {
    return perform(this.#host, { rooms: this.#rooms, except: [] }, task, this.#without).count
  }
}

/** The peers of all processes that are in at least one of these rooms, except `without`. */
export class RoomsEverywhere {
  readonly #host: TaskHost
  /** Undefined if the hub is alone. */
  readonly #cluster: ClusterPeers | undefined
  readonly #rooms: readonly string[]
  readonly #without: Without

  constructor(host: TaskHost, cluster: ClusterPeers | undefined, rooms: readonly string[], without: Without = NOBODY) {
    this.#host = host
    this.#cluster = cluster
    this.#rooms = rooms
    this.#without = without
  }

  except(...who: Without): RoomsEverywhere {
    return new RoomsEverywhere(this.#host, this.#cluster, this.#rooms, [...this.#without, ...checkedWho(who)])
  }
  send(name: string, data?: unknown, options?: SendOptions): void {
    broadcast(this.#host, this.#cluster, this.#rooms, this.#without, name, data, options)
  }
  join(room: string): Promise<number> {
    return this.#perform(roomTask("join", room))
  }
  leave(room: string): Promise<number> {
    return this.#perform(roomTask("leave", room))
  }
  disconnect(options?: DisconnectOptions): Promise<number> {
    return this.#perform(disconnectTask(options))
  }

  async #perform(task: Task): Promise<number> {
    const except = this.#without.filter((who) => typeof who === "string")
    const selection: Selection = { rooms: this.#rooms, except }
    return (await everywhere(this.#host, this.#cluster, selection, task, this.#without)).count
  }
}

const NOBODY: Without = []

function checkedWho(who: Without): Without {
  for (const one of who) if (!isPeer(one)) checkRoom(one)
  return who
}
