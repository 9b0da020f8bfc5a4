import type { AnyContract, Contract, DataOf, NameOf, Said } from "../../messaging/contract.ts"
import type { SendOptions } from "../../messaging/send-options.ts"
import type { Peer, Principal } from "../peer.ts"
import { disconnect } from "../sessions/disconnect.ts"
import { type LocalAudience, RoomsHere } from "./audience.ts"
import { broadcast, chosenFrom } from "./broadcast.ts"
import { checkRooms } from "./rooms.ts"
import type { DisconnectOptions, Who } from "./selection.ts"
import type { TaskHost } from "./tasks.ts"

/**
 * A hub as far as it is in this process: its methods concern the peers of this process alone, and do at once what they do.
 * Without a `cluster` these are all peers.
 */
export interface LocalHub<C extends Contract<C> = AnyContract, P extends Principal = Principal, D = unknown> {
  /** As `hub.send`. */
  send<N extends NameOf<C, "down">>(name: N, ...data: Said<DataOf<C, "down", N>>): void
  /** As `hub.to`. */
  to(...rooms: readonly string[]): LocalAudience<C, P, D>
  /** The peers in at least one of these rooms, each once. @throws EverwireError `misuse` if a room is not a string */
  peersIn(...rooms: readonly string[]): readonly Peer<C, P, D>[]
  /** As `hub.disconnect`, and also for those peers for which a function returns `true`. Returns how many. */
  disconnect(who: Who<Peer<C, P, D>>, options?: DisconnectOptions): number
}

export function localHub<C extends Contract<C>, P extends Principal, D>(host: TaskHost): LocalHub<C, P, D> {
  return {
    send: (name: string, data?: unknown, options?: SendOptions) =>
      broadcast(host, undefined, undefined, [], name, data, options),
    to: (...rooms) => new RoomsHere(host, checkRooms(rooms)),
    peersIn: (...rooms) => [...chosenFrom(host.rooms, checkRooms(rooms), [])],
    disconnect: (who, options) => disconnect(host.sessions(), who, options),
  }
}
