import type { Selection, Task, TaskResult } from "../across.ts"
import type { PeerDescription, Principal } from "../peer.ts"
import { disconnect } from "../sessions/disconnect.ts"
import type { HubPeer } from "../sessions/hub-peer.ts"
import { type BroadcastHost, chosenFrom, type Without } from "./broadcast.ts"

/** What a task needs from its hub. */
export interface TaskHost extends BroadcastHost {
  /** Id of the hub. */
  readonly hub: string
}

/** Does to peers of this process what a hub was asked, here or at another process. */
export function perform(
  host: TaskHost,
  selection: Selection,
  task: Task,
  without: Without = selection.except,
): TaskResult {
  if (task.what === "disconnect") {
    const { reason, mayReturn } = task
    const { rooms, principal, peer } = selection
    const who =
      rooms === undefined ? (principal === undefined ? { peer } : { principal }) : isOneOf(host, rooms, without)
    return { count: disconnect(host.sessions(), who, { reason, mayReturn }) }
  }
  const chosen = [...chosenFrom(host.rooms, selection.rooms ?? [], without)]
  switch (task.what) {
    case "describe":
      return { count: chosen.length, peers: chosen.map((peer) => describe(host.hub, peer)) }
    case "join":
      return { count: chosen.filter((peer) => mayJoin(host, peer, task.room)).length }
    case "leave": {
      const members = chosen.filter((peer) => peer.rooms.has(task.room))
      for (const peer of members) peer.leave(task.room)
      return { count: members.length }
    }
  }
}

function isOneOf(host: TaskHost, rooms: readonly string[], without: Without): (peer: HubPeer) => boolean {
  const chosen = new Set(chosenFrom(host.rooms, rooms, without))
  return (peer) => chosen.has(peer)
}

/** Puts the peer into the room if `permitJoin` allows it. Returns whether it is there now. */
function mayJoin(host: TaskHost, peer: HubPeer, room: string): boolean {
  if (peer.rooms.has(room)) return true
  if (!host.rooms.mayJoin(room, peer)) return false
  peer.joinUnasked(room)
  return peer.rooms.has(room)
}

function describe(hub: string, peer: HubPeer): PeerDescription<Principal> {
  const { id, principal, connected, transport, address, rooms } = peer
  return { id, hub, principal, connected, transport, address, rooms: [...rooms] }
}
